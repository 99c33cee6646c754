/* ideal.c - a processor that costs next to nothing: what Envoy's own external processing takes, whoever answers.
 *
 * usage: ideal PORT
 *
 * HTTP/2 with prior knowledge, one thread, one epoll. Every message of a call is answered "go on" as soon as it is read;
 * nothing is decoded but the frames and the field number with which a message begins. For Envoy on loopback, not for others.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATA, HEADERS, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PREFACE = 24, FRAME_HEAD = 9, GRPC_HEAD = 5, GRANT = 1 << 20 };

typedef struct { int fd, greeted; size_t n; uint32_t owed; unsigned char in[1 << 20]; } peer;

static const char STARTED[] = "\x88\0\x0c" "content-type" "\x10" "application/grpc", DONE[] = "\0\x0b" "grpc-status" "\x01" "0";
static unsigned char out[1 << 20];
static size_t out_n;

static void frame(int kind, int flags, uint32_t stream, const void *payload, uint32_t n) {
    unsigned char head[FRAME_HEAD] = {n >> 16, n >> 8, n, kind, flags, stream >> 24, stream >> 16, stream >> 8, stream};
    memcpy(out + out_n, head, FRAME_HEAD);
    memcpy(out + out_n + FRAME_HEAD, payload, n);
    out_n += FRAME_HEAD + n;
}

static uint32_t be32(const unsigned char *at) { return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

/* The answer to field n of a ProcessingRequest is field n - 1 of a ProcessingResponse, empty. */
static void messages(uint32_t stream, const unsigned char *data, uint32_t n) {
    for (uint32_t at = 0; at + GRPC_HEAD < n; at += GRPC_HEAD + be32(data + at + 1)) {
        unsigned char answer[] = {0, 0, 0, 0, 2, data[at + GRPC_HEAD] - 8, 0};
        frame(DATA, 0, stream, answer, sizeof answer);
    }
}

static void take(peer *p, int kind, int flags, uint32_t stream, const unsigned char *payload, uint32_t n) {
    if (kind == HEADERS) frame(HEADERS, END_HEADERS, stream, STARTED, sizeof STARTED - 1);
    if (kind == SETTINGS && !(flags & ACK)) frame(SETTINGS, ACK, 0, "", 0);
    if (kind == PING && !(flags & ACK)) frame(PING, ACK, 0, payload, n);
    if (kind != DATA) return;
    messages(stream, payload, n);
    if (flags & END_STREAM) frame(HEADERS, END_HEADERS | END_STREAM, stream, DONE, sizeof DONE - 1);
    if ((p->owed += n) > GRANT) {
        uint32_t grown = htonl(p->owed);
        frame(WINDOW_UPDATE, 0, 0, &grown, 4);
        p->owed = 0;
    }
}

static void flush(peer *p) {
    if (out_n && write(p->fd, out, out_n) != (ssize_t)out_n) perror("write");
    out_n = 0;
}

static void greet(int poller, int listener) {
    int yes = 1;
    peer *p = calloc(1, sizeof *p);
    p->fd = accept(listener, NULL, NULL);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(poller, EPOLL_CTL_ADD, p->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = p});
    unsigned char table_none_window_most[] = {0, 1, 0, 0, 0, 0, 0, 4, 0x3f, 0xff, 0xff, 0xff};
    uint32_t most = htonl(1 << 30);
    frame(SETTINGS, 0, 0, table_none_window_most, sizeof table_none_window_most);
    frame(WINDOW_UPDATE, 0, 0, &most, 4);
    flush(p);
}

static void hear(peer *p) {
    ssize_t n = read(p->fd, p->in + p->n, sizeof p->in - p->n);
    if (n <= 0) { close(p->fd); free(p); return; }
    p->n += n;
    size_t at = 0;
    if (!p->greeted && p->n >= PREFACE) { at = PREFACE; p->greeted = 1; }
    while (p->greeted && p->n - at >= FRAME_HEAD) {
        unsigned char *head = p->in + at;
        uint32_t size = be32(head) >> 8;
        if (p->n - at - FRAME_HEAD < size) break;
        take(p, head[3], head[4], be32(head + 5) & 0x7fffffff, head + FRAME_HEAD, size);
        at += FRAME_HEAD + size;
    }
    memmove(p->in, p->in + at, p->n -= at);
    flush(p);
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), yes = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    here.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (void *)&here, sizeof here) || listen(listener, 64)) { perror("listen"); return 1; }
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    for (struct epoll_event got[64];;) {
        int n = epoll_wait(poller, got, 64, -1);
        for (int i = 0; i < n; i++) got[i].data.ptr ? hear(got[i].data.ptr) : greet(poller, listener);
    }
}
