/* load.c - closed-loop client of OpenAI-compatible servers: one thread, one epoll, kept connections; prints one JSON object.
 *
 * usage: load -f bodies.jsonl [-c connections=16] [-d seconds=1] [-w warm_s=0.2] [-r ramp_s=0] [-x drain_s=3] [-p path] 127.0.0.1:PORT
 *
 * Each connection sends the next body (one a line, in turn), waits for the whole reply and sends the next. Connections are made,
 * and their first requests sent, spread over ramp_s. Requests and events that end within the window [warm_s, warm_s + seconds) are the measurement;
 * total_requests and total_events count the whole run, to divide a server's CPU by. After the window nothing new is sent,
 * and open requests have drain_s to end.
 *
 * latency = first byte written -> last byte of the reply; ttft = first byte written -> first server-sent event whole;
 * gap = between two events of one stream that did not arrive in the same read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 512
#define HEAD_ROOM 16384
#define MAX_UPSTREAMS 64

typedef long long nanos;
typedef struct { float *at; size_t n, cap; } samples; /* microseconds */
typedef struct { char *at; size_t n; } request;
typedef enum { HEAD, SIZED, CHUNKED, UNTIL_CLOSE } framing;
typedef enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER } part;
typedef enum { MORE, DONE, BROKEN } progress;

typedef struct {
    int fd, status, newlines, events;
    bool busy, close, begun;
    const request *out;
    size_t sent, head_len, left; /* left: bytes still to come of the body, or of this chunk */
    framing framing;
    part part;
    bool trailer_text; /* the trailer line being read is not empty */
    nanos start, last_event, begin_at;
    char head[HEAD_ROOM];
} conn;

static int poller, connections = 16;
static double seconds = 1, warm_s = 0.2, ramp_s, drain_s = 3;
static const char *path = "/v1/chat/completions", *file;
static struct sockaddr_in server;
static request *requests;
static size_t request_count, next_request;
static nanos window_start, window_end;
static samples latency, ttft, gap;
static long long measured, measured_events, total_requests, total_events, errors, bad_status;
static int last_bad_status;
static struct { int port; long long count; } upstreams[MAX_UPSTREAMS];
static int upstream_count;

static nanos now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* ---- figures ---- */

static void add(samples *s, nanos ns) {
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->at = realloc(s->at, s->cap * sizeof *s->at);
        if (!s->at) die("realloc");
    }
    s->at[s->n++] = (float)ns / 1e3f;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void print_samples(const char *name, samples *s) {
    if (!s->n) {
        printf(",\"%s_us_p50\":null,\"%s_us_p99\":null", name, name);
        return;
    }
    qsort(s->at, s->n, sizeof *s->at, by_value);
    printf(",\"%s_us_p50\":%.1f,\"%s_us_p99\":%.1f", name, s->at[(size_t)(0.5 * (double)(s->n - 1) + 0.5)], name,
           s->at[(size_t)(0.99 * (double)(s->n - 1) + 0.5)]);
}

static void count_upstream(int port) {
    int i = 0;
    while (i < upstream_count && upstreams[i].port != port) i++;
    if (i == MAX_UPSTREAMS) return;
    if (i == upstream_count) upstreams[upstream_count++].port = port;
    upstreams[i].count++;
}

static bool in_window(nanos t) { return t >= window_start && t < window_end; }

static void print_report(void) {
    printf("{\"connections\":%d,\"seconds\":%.3f,\"requests\":%lld,\"rps\":%.1f,\"errors\":%lld,\"bad_status\":%lld,\"last_bad_status\":%d",
           connections, seconds, measured, (double)measured / seconds, errors, bad_status, last_bad_status);
    printf(",\"total_requests\":%lld,\"total_events\":%lld,\"events\":%lld,\"events_per_s\":%.1f", total_requests, total_events,
           measured_events, (double)measured_events / seconds);
    print_samples("latency", &latency);
    print_samples("ttft", &ttft);
    print_samples("gap", &gap);
    printf(",\"upstreams\":{");
    for (int i = 0; i < upstream_count; i++) printf("%s\"%d\":%lld", i ? "," : "", upstreams[i].port, upstreams[i].count);
    printf("}}\n");
}

/* ---- sending ---- */

static void watch(conn *c, int op, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, op, c->fd, &event)) die("epoll_ctl");
}

static void dial(conn *c) {
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) die("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) die("connect");
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

/* Writes what fits of the request; false when the connection is broken. */
static bool flush_request(conn *c, bool was_blocked) {
    while (c->sent < c->out->n) {
        ssize_t n = send(c->fd, c->out->at + c->sent, c->out->n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return false;
        if (n < 0) {
            if (!was_blocked) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return true;
        }
        c->sent += (size_t)n;
    }
    if (was_blocked) watch(c, EPOLL_CTL_MOD, EPOLLIN);
    return true;
}

static void end_request(conn *c, progress how);

static void begin_request(conn *c) {
    nanos now = now_ns();
    c->begun = true;
    c->busy = now < window_end;
    if (!c->busy) return;
    c->out = &requests[next_request++ % request_count];
    c->sent = c->head_len = c->left = 0;
    c->newlines = c->events = 0;
    c->close = c->trailer_text = false;
    c->framing = HEAD;
    c->start = now;
    if (!flush_request(c, false)) end_request(c, BROKEN);
}

static void redial(conn *c, bool rest) {
    close(c->fd);
    if (rest) usleep(1000); /* a server that refuses is not hammered */
    dial(c);
}

static void end_request(conn *c, progress how) {
    nanos now = now_ns();
    if (how == BROKEN) {
        errors++;
    } else {
        total_requests++;
        if (c->status != 200) {
            bad_status++;
            last_bad_status = c->status;
        } else if (in_window(now)) {
            measured++;
            add(&latency, now - c->start);
        }
    }
    if (how == BROKEN || c->close) redial(c, how == BROKEN);
    begin_request(c);
}

/* ---- receiving ---- */

/* Counts server-sent events: each ends with an empty line. */
static void read_body(conn *c, const char *p, size_t n, nanos now) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\r') continue;
        c->newlines = p[i] == '\n' ? c->newlines + 1 : 0;
        if (c->newlines < 2) continue;
        c->newlines = 0;
        total_events++;
        if (in_window(now)) {
            measured_events++;
            if (!c->events) add(&ttft, now - c->start);
            else if (now != c->last_event) add(&gap, now - c->last_event);
        }
        c->events++;
        c->last_event = now;
    }
}

static void read_field(conn *c, const char *line) {
    if (!strncasecmp(line, "content-length:", 15) && c->framing != CHUNKED) {
        c->framing = SIZED;
        c->left = strtoull(line + 15, NULL, 10);
    } else if (!strncasecmp(line, "transfer-encoding:", 18)) {
        c->framing = CHUNKED;
        c->part = CHUNK_SIZE;
        c->left = 0;
    } else if (!strncasecmp(line, "connection: close", 17)) {
        c->close = true;
    } else if (!strncasecmp(line, "x-upstream:", 11)) {
        count_upstream(atoi(line + 11));
    }
}

/* Takes the head's share of *p; MORE while the head is not whole. */
static progress read_head(conn *c, const char **p, size_t *n) {
    size_t before = c->head_len, take = *n < HEAD_ROOM - 1 - before ? *n : HEAD_ROOM - 1 - before;
    memcpy(c->head + before, *p, take);
    c->head_len += take;
    c->head[c->head_len] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return take < *n ? BROKEN : MORE;
    size_t used = (size_t)(end + 4 - c->head) - before;
    *p += used;
    *n -= used;
    *end = 0;
    if (strncmp(c->head, "HTTP/1.", 7)) return BROKEN;
    c->status = atoi(c->head + 9);
    c->framing = UNTIL_CLOSE;
    for (char *at = c->head; (at = strstr(at, "\r\n"));) read_field(c, at += 2);
    if (c->framing == UNTIL_CLOSE) c->close = true;
    return c->framing == SIZED && !c->left ? DONE : MORE;
}

static int hex_digit(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    ch |= 32;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

static progress read_chunks(conn *c, const char *p, size_t n, nanos now) {
    while (n) {
        if (c->part == CHUNK_DATA) {
            size_t take = n < c->left ? n : c->left;
            read_body(c, p, take, now);
            p += take;
            n -= take;
            if (!(c->left -= take)) c->part = CHUNK_END;
            continue;
        }
        char ch = *p++;
        n--;
        if (c->part == CHUNK_END) {
            if (ch == '\n') c->part = CHUNK_SIZE;
        } else if (c->part == CHUNK_SIZE) {
            if (ch == '\n') c->part = c->left ? CHUNK_DATA : TRAILER;
            else if (ch != '\r' && hex_digit(ch) < 0) return BROKEN;
            else if (ch != '\r') c->left = c->left * 16 + (size_t)hex_digit(ch);
        } else if (ch == '\n') {
            if (!c->trailer_text) return DONE;
            c->trailer_text = false;
        } else if (ch != '\r') {
            c->trailer_text = true;
        }
    }
    return MORE;
}

static progress read_reply(conn *c, const char *p, size_t n, nanos now) {
    if (c->framing == HEAD) {
        progress head = read_head(c, &p, &n);
        if (head != MORE || c->framing == HEAD) return head;
    }
    if (c->framing == CHUNKED) return read_chunks(c, p, n, now);
    read_body(c, p, n, now);
    if (c->framing == UNTIL_CLOSE) return MORE;
    if (n > c->left) return BROKEN;
    return (c->left -= n) ? MORE : DONE;
}

static void receive(conn *c) {
    static char in[1 << 18];
    ssize_t n = recv(c->fd, in, sizeof in, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (!c->busy) { /* the window is over; a server may close an idle connection */
        if (n <= 0) epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
        return;
    }
    if (n <= 0) {
        end_request(c, n == 0 && c->framing == UNTIL_CLOSE ? DONE : BROKEN);
        return;
    }
    progress how = read_reply(c, in, (size_t)n, now_ns());
    if (how != MORE) end_request(c, how);
}

/* ---- the run ---- */

static int begin_due(conn *all, nanos now) {
    int busy = 0;
    for (int i = 0; i < connections; i++) {
        if (!all[i].begun && all[i].begin_at <= now) {
            dial(&all[i]);
            begin_request(&all[i]);
        }
        busy += all[i].busy;
    }
    return busy;
}

static void run(conn *all) {
    struct epoll_event ready[BATCH];
    nanos start = now_ns(), ramp_end = start + (nanos)(ramp_s * 1e9);
    window_start = start + (nanos)(warm_s * 1e9);
    window_end = window_start + (nanos)(seconds * 1e9);
    nanos give_up = window_end + (nanos)(drain_s * 1e9);
    for (int i = 0; i < connections; i++) all[i].begin_at = start + (ramp_end - start) * i / connections;
    for (nanos now = start; now < give_up; now = now_ns()) {
        if (now <= ramp_end + 10000000 || now >= window_end) {
            if (!begin_due(all, now) && now >= window_end) break;
        }
        int n = epoll_wait(poller, ready, BATCH, now < ramp_end ? 1 : 10);
        for (int i = 0; i < n; i++) {
            conn *c = ready[i].data.ptr;
            if (c->busy && ready[i].events & EPOLLOUT && !flush_request(c, true)) end_request(c, BROKEN);
            else if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(c);
        }
    }
}

static void read_bodies(const char *host) {
    FILE *f = fopen(file, "r");
    if (!f) die(file);
    char *line = NULL;
    size_t room = 0;
    for (ssize_t n; (n = getline(&line, &room, f)) > 1;) {
        if (line[n - 1] == '\n') line[--n] = 0;
        requests = realloc(requests, (request_count + 1) * sizeof *requests);
        request *r = &requests[request_count++];
        r->n = (size_t)asprintf(&r->at, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: %zd\r\n\r\n%s", path, host, n, line);
    }
    fclose(f);
    if (!request_count) {
        fprintf(stderr, "load: no bodies in %s\n", file);
        exit(1);
    }
}

static int usage(void) {
    fputs("usage: load -f bodies.jsonl [-c n] [-d s] [-w s] [-r s] [-x s] [-p path] 127.0.0.1:PORT\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    for (int o; (o = getopt(argc, argv, "c:d:w:r:x:f:p:")) > 0;) {
        if (o == 'c') connections = atoi(optarg);
        else if (o == 'd') seconds = atof(optarg);
        else if (o == 'w') warm_s = atof(optarg);
        else if (o == 'r') ramp_s = atof(optarg);
        else if (o == 'x') drain_s = atof(optarg);
        else if (o == 'f') file = optarg;
        else if (o == 'p') path = optarg;
        else return usage();
    }
    if (!file || optind != argc - 1 || connections < 1 || seconds <= 0) return usage();
    char *host = argv[optind], *colon = strchr(host, ':');
    if (!colon || strncmp(host, "127.0.0.1:", 10)) return usage(); /* loopback only */
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(colon + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    signal(SIGPIPE, SIG_IGN);
    read_bodies(host);
    poller = epoll_create1(0);
    conn *all = calloc((size_t)connections, sizeof *all);
    if (!all) die("calloc");
    run(all);
    print_report();
}
