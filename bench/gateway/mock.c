/* mock.c - stand-ins for OpenAI-compatible replicas: one thread, one epoll, one listener a port.
 *
 * usage: mock [-n chunks=50] [-g gap_us=5000] [-t ttft_us=20000] [-r reply_bytes=600] PORT...
 *
 * POST (any path) with "stream":true  -> the head at once, the first chunk after ttft_us, n chunks gap_us apart,
 *                                        then the usage chunk and [DONE]: n + 2 events, one write each (the last two share one)
 * POST (any path) otherwise           -> one JSON reply of reply_bytes with usage
 * POST .../render                     -> token ids, one for four bytes of the body (vLLM has this; vllm-router asks for it)
 * GET  (any path)                     -> a document good for /v1/models and for health checks
 * Every reply carries x-upstream: PORT, so that a client can see the balance.
 *
 * Timers are whole milliseconds (epoll_wait): chunks due within one millisecond leave in one wake-up, as the tokens of one
 * engine step do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_ROOM 65536
#define BATCH 1024
#define MAX_TOKENS 1000

typedef long long micros;

typedef struct conn {
    int fd, port;
    bool listener, closing, streaming;
    char *in; /* bytes received and not yet answered */
    size_t len, cap;
    int left; /* chunks still to send */
    micros due;
    TAILQ_ENTRY(conn) line;
} conn;

/* Every entry of one queue waits equally long, so both are sorted by due time as they stand. */
TAILQ_HEAD(queue, conn);
static struct queue first_chunk = TAILQ_HEAD_INITIALIZER(first_chunk);
static struct queue next_chunk = TAILQ_HEAD_INITIALIZER(next_chunk);

static int poller, chunks = 50, reply_bytes = 600;
static micros gap_us = 5000, ttft_us = 20000;
static char *reply, chunk[512], last[1024];
static const char models[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}],"
    "\"status\":\"ok\",\"model_path\":\"mock\",\"model_id\":\"mock\",\"served_model_name\":\"mock\",\"is_generation\":true}";

static micros now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* ---- what is said ---- */

static void write_chunk(char *out, size_t room, const char *event) {
    snprintf(out, room, "%zx\r\n%s\r\n", strlen(event), event);
}

static void prepare_replies(void) {
    const char *head = "{\"id\":\"chatcmpl-mock0123456789\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"mock\","
                       "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"";
    const char *tail = "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                       "\"usage\":{\"prompt_tokens\":420,\"completion_tokens\":50,\"total_tokens\":470}}";
    int text = reply_bytes - (int)(strlen(head) + strlen(tail));
    reply = calloc(1, (size_t)reply_bytes + 1024);
    char *end = stpcpy(reply, head);
    for (int i = 0; i < text; i++) *end++ = i % 8 == 7 ? ' ' : (char)('a' + i % 7);
    strcpy(end, tail);
    write_chunk(chunk, sizeof chunk,
                "data: {\"id\":\"chatcmpl-mock0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\","
                "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    write_chunk(last, sizeof last,
                "data: {\"id\":\"chatcmpl-mock0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\","
                "\"choices\":[],\"usage\":{\"prompt_tokens\":420,\"completion_tokens\":50,\"total_tokens\":470}}\n\n");
    strcat(last, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
}

/* Replies are far smaller than a socket buffer; should one not fit, the whole mock waits for that reader. */
static bool put(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            if (poll(&wait, 1, 1000) <= 0) return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

static bool put_json(conn *c, const char *body) {
    char out[8192];
    int n = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nx-upstream: %d\r\n%s\r\n%s",
                     strlen(body), c->port, c->closing ? "Connection: close\r\n" : "", body);
    return put(c->fd, out, (size_t)n);
}

/* Equal prefixes of two bodies give equal prefixes of ids. */
static bool put_tokens(conn *c, const char *body, size_t n) {
    char out[MAX_TOKENS * 6 + 64] = "{\"model\":\"mock\",\"token_ids\":[1", *end = out + strlen(out);
    for (size_t i = 0; i + 4 <= n && i / 4 < MAX_TOKENS; i += 4) {
        uint32_t word;
        memcpy(&word, body + i, 4);
        end += sprintf(end, ",%u", word * 2654435761u >> 17);
    }
    strcpy(end, "]}");
    return put_json(c, out);
}

/* ---- streams ---- */

static bool start_stream(conn *c) {
    char head[256];
    int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nx-upstream: %d\r\n\r\n", c->port);
    c->streaming = true;
    c->left = chunks;
    c->due = now_us() + ttft_us;
    TAILQ_INSERT_TAIL(&first_chunk, c, line);
    return put(c->fd, head, (size_t)n);
}

static struct queue *queue_of(conn *c) { return c->left == chunks ? &first_chunk : &next_chunk; }

static conn *soonest(void) {
    conn *a = TAILQ_FIRST(&first_chunk), *b = TAILQ_FIRST(&next_chunk);
    return !a ? b : !b ? a : a->due <= b->due ? a : b;
}

static int wait_ms(void) {
    conn *c = soonest();
    if (!c) return -1;
    micros rest = c->due - now_us();
    return rest <= 0 ? 0 : (int)((rest + 999) / 1000);
}

/* ---- connections ---- */

static void watch(conn *c) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static conn *open_conn(int fd, int port) {
    conn *c = calloc(1, sizeof *c);
    if (!c) die("calloc");
    c->fd = fd;
    c->port = port;
    watch(c);
    return c;
}

static void drop(conn *c) {
    if (c->streaming) TAILQ_REMOVE(queue_of(c), c, line);
    close(c->fd);
    free(c->in);
    free(c);
}

static void accept_all(conn *listener) {
    int fd, on = 1;
    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        open_conn(fd, listener->port);
    }
}

static void listen_on(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((in_port_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) die("listen");
    open_conn(fd, port)->listener = true;
}

/* ---- requests ---- */

static bool wants_tokens(const char *head) {
    size_t path = strcspn(head + 5, " \r");
    return path >= 7 && !strncmp(head + 5 + path - 7, "/render", 7);
}

static bool wants_stream(const char *body, size_t n) {
    const char *at = memmem(body, n, "\"stream\"", 8);
    if (!at) return false;
    for (at += 8; *at == ' ' || *at == ':'; at++) {}
    return !strncmp(at, "true", 4);
}

/* Bytes of the first request in c->in, 0 while it is not whole; *body is where its body starts. */
static size_t whole_request(conn *c, size_t *body) {
    char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
    if (!end) return 0;
    long length = 0;
    bool chunked = false;
    *body = (size_t)(end + 4 - c->in);
    *end = 0; /* so that the head reads as one string */
    for (char *p = c->in; (p = strstr(p, "\r\n"));) {
        p += 2;
        if (!strncasecmp(p, "content-length:", 15)) length = atol(p + 15);
        if (!strncasecmp(p, "transfer-encoding: chunked", 26)) chunked = true;
        if (!strncasecmp(p, "connection: close", 17)) c->closing = true;
    }
    *end = '\r';
    if (!chunked) return c->len >= *body + (size_t)length ? *body + (size_t)length : 0;
    char *stop = memmem(c->in + *body - 2, c->len - *body + 2, "\r\n0\r\n\r\n", 7);
    return stop ? (size_t)(stop + 7 - c->in) : 0;
}

/* Answers what is buffered, up to the first stream; false when the connection is done with. */
static bool answer(conn *c) {
    while (c->len && !c->streaming) {
        size_t body = 0, total = whole_request(c, &body);
        if (!total) return true;
        bool ok;
        if (strncmp(c->in, "POST", 4)) ok = put_json(c, models);
        else if (wants_tokens(c->in)) ok = put_tokens(c, c->in + body, total - body);
        else if (wants_stream(c->in + body, total - body)) ok = start_stream(c);
        else ok = put_json(c, reply);
        if (!ok) return false;
        memmove(c->in, c->in + total, c->len - total);
        c->len -= total;
        c->in[c->len] = 0;
        if (c->closing && !c->streaming) return false;
    }
    return true;
}

static bool receive(conn *c) {
    if (c->cap - c->len < READ_ROOM) {
        c->cap = c->cap * 2 + READ_ROOM * 2;
        c->in = realloc(c->in, c->cap + 1);
        if (!c->in) die("realloc");
    }
    ssize_t n = recv(c->fd, c->in + c->len, c->cap - c->len, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c->len += (size_t)n;
    c->in[c->len] = 0;
    return answer(c);
}

/* Sends what one stream is due; false when its connection is done with. */
static bool step(conn *c) {
    TAILQ_REMOVE(queue_of(c), c, line);
    if (c->left == 0) {
        c->streaming = false;
        return put(c->fd, last, strlen(last)) && !c->closing && answer(c);
    }
    c->left--;
    c->due += gap_us;
    TAILQ_INSERT_TAIL(&next_chunk, c, line);
    return put(c->fd, chunk, strlen(chunk));
}

static void serve(void) {
    static struct epoll_event ready[BATCH];
    for (;;) {
        int n = epoll_wait(poller, ready, BATCH, wait_ms());
        for (int i = 0; i < n; i++) {
            conn *c = ready[i].data.ptr;
            if (c->listener) accept_all(c);
            else if (!receive(c)) drop(c);
        }
        micros now = now_us();
        for (conn *c; (c = soonest()) && c->due <= now;)
            if (!step(c)) drop(c);
    }
}

int main(int argc, char **argv) {
    for (int o; (o = getopt(argc, argv, "n:g:t:r:")) > 0;) {
        if (o == 'n') chunks = atoi(optarg);
        else if (o == 'g') gap_us = atoll(optarg);
        else if (o == 't') ttft_us = atoll(optarg);
        else if (o == 'r') reply_bytes = atoi(optarg);
        else return 2;
    }
    if (chunks < 1 || gap_us < 0 || ttft_us < 0 || reply_bytes < 300 || reply_bytes > 6000) {
        fputs("mock: 1 or more chunks, 300 to 6000 reply bytes, no negative times\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prepare_replies();
    poller = epoll_create1(0);
    for (int i = optind; i < argc; i++) listen_on(atoi(argv[i]));
    serve();
}
