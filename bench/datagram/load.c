/*
 * The load of bench/datagram: sockets that each keep a number of datagrams under way to an echo server. Datagrams
 * go out and come back many in one system call, so that the load takes less than any server. What does not come
 * back within a tenth of a second is counted as lost and sent anew, so a run always ends. With --pace one datagram at
 * a time goes out, N a second.
 *
 * Usage: load --port N --sockets N --window N --size N --pace N --warm-up-ms N --duration-ms N --server-pid N
 * Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    sockets_max = 512,
    window_max = 256,
    size_max = 1472,
    run_ms_max = 600000,
    pace_max = 100000,
    patience_ms = 100,
    buffer_bytes = 4 << 20,
    stamp_bytes = 8,
};

struct client {
    int descriptor;
    uint32_t under_way;
    uint64_t last_ns;
};

static struct {
    int port, sockets, window, size, pace, warm_up_ms, duration_ms, server_pid;
} options = {.sockets = 1, .window = 1, .size = 64, .warm_up_ms = 100, .duration_ms = 1000};

static struct client clients[sockets_max];
static char received[window_max][size_max];
static char sent[window_max][size_max];
static uint64_t count, lost, wrong;
/* Datagrams go out at their moments, and not when the one before has come back. */
static int pacing;

static void fail(const char *what) {
    printf("{\"error\":\"%s: %s\"}\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) fail("clock");
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void parse(int argc, char **argv) {
    static const struct {
        const char *name;
        int *value;
        int max;
    } known[] = {
        {"--port", &options.port, 65535},
        {"--sockets", &options.sockets, sockets_max},
        {"--window", &options.window, window_max},
        {"--size", &options.size, size_max},
        {"--pace", &options.pace, pace_max},
        {"--warm-up-ms", &options.warm_up_ms, run_ms_max},
        {"--duration-ms", &options.duration_ms, run_ms_max},
        {"--server-pid", &options.server_pid, 1 << 30},
    };
    for (int index = 1; index + 1 < argc; index += 2) {
        int found = 0;
        for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
            if (strcmp(argv[index], known[at].name) != 0) continue;
            *known[at].value = atoi(argv[index + 1]);
            found = *known[at].value >= 0 && *known[at].value <= known[at].max;
        }
        errno = EINVAL;
        if (!found) fail(argv[index]);
    }
}

static void send_some(struct client *client, uint32_t wanted) {
    static uint64_t stamp;
    struct mmsghdr messages[window_max];
    struct iovec vectors[window_max];
    for (uint32_t at = 0; at < wanted; at++) {
        stamp++;
        memcpy(sent[at], &stamp, stamp_bytes);
        memset(sent[at] + stamp_bytes, (int)(stamp & 0xff), (size_t)options.size - stamp_bytes);
        vectors[at] = (struct iovec){sent[at], (size_t)options.size};
        messages[at] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[at], .msg_iovlen = 1}};
    }
    int done = sendmmsg(client->descriptor, messages, wanted, MSG_DONTWAIT);
    if (done < 0 && errno != EAGAIN && errno != ECONNREFUSED) fail("send");
    if (done > 0) client->under_way += (uint32_t)done;
}

static void receive_some(struct client *client, uint64_t now) {
    struct mmsghdr messages[window_max];
    struct iovec vectors[window_max];
    for (int at = 0; at < options.window; at++) {
        vectors[at] = (struct iovec){received[at], size_max};
        messages[at] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[at], .msg_iovlen = 1}};
    }
    int done = recvmmsg(client->descriptor, messages, (unsigned)options.window, MSG_DONTWAIT, NULL);
    if (done <= 0) return;
    for (int at = 0; at < done; at++) {
        const unsigned char *bytes = (const unsigned char *)received[at];
        int whole = messages[at].msg_len == (unsigned)options.size;
        if (!whole || bytes[options.size - 1] != bytes[0]) wrong++;
    }
    count += (uint64_t)done;
    client->last_ns = now;
    client->under_way -= client->under_way < (uint32_t)done ? client->under_way : (uint32_t)done;
    if (!pacing) send_some(client, (uint32_t)options.window - client->under_way);
}

static void open_all(int queue) {
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int at = 0; at < options.sockets; at++) {
        int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (descriptor < 0) fail("socket");
        int bytes = buffer_bytes;
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
        if (connect(descriptor, (struct sockaddr *)&target, sizeof target) != 0) fail("connect");
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)at};
        if (epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
        clients[at] = (struct client){.descriptor = descriptor, .last_ns = now_ns(CLOCK_MONOTONIC)};
        send_some(&clients[at], (uint32_t)options.window);
    }
}

static void renew_lost(uint64_t now) {
    for (int at = 0; at < options.sockets; at++) {
        struct client *client = &clients[at];
        if (now - client->last_ns < (uint64_t)patience_ms * 1000000u) continue;
        lost += client->under_way;
        client->under_way = 0;
        client->last_ns = now;
        send_some(client, (uint32_t)options.window);
    }
}

/* One datagram at a time, each at its moment; one that comes too late for its moment is not made up for. */
static void pace_for(int queue, int milliseconds) {
    struct client *client = &clients[0];
    uint64_t due = now_ns(CLOCK_MONOTONIC), end = due + (uint64_t)milliseconds * 1000000u;
    uint64_t period = 1000000000u / (uint64_t)options.pace;
    while (due < end) {
        due += period;
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (due < now) due = now;
        struct timespec time = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
        uint64_t before = count;
        client->under_way = 0;
        send_some(client, 1);
        while (count == before) {
            struct epoll_event event;
            if (epoll_wait(queue, &event, 1, patience_ms) <= 0) break;
            receive_some(client, due);
        }
        if (count == before) lost++;
    }
}

static void run_for(int queue, int milliseconds) {
    if (pacing) {
        pace_for(queue, milliseconds);
        return;
    }
    uint64_t end = now_ns(CLOCK_MONOTONIC) + (uint64_t)milliseconds * 1000000u;
    uint64_t checked = 0;
    for (;;) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (now >= end) return;
        if (now - checked > (uint64_t)patience_ms * 500000u) {
            renew_lost(now);
            checked = now;
        }
        struct epoll_event events[sockets_max];
        int taken = epoll_wait(queue, events, sockets_max, patience_ms / 2);
        for (int at = 0; at < taken; at++) receive_some(&clients[events[at].data.u32], now);
    }
}

int main(int argc, char **argv) {
    parse(argc, argv);
    if (options.size < stamp_bytes) options.size = stamp_bytes;
    clockid_t server;
    if (clock_getcpuclockid(options.server_pid, &server) != 0) fail("server's clock");
    int queue = epoll_create1(0);
    if (queue < 0) fail("epoll");
    open_all(queue);
    /* Without a pause in any case: a compiler at run time is warmed by datagrams, not by time. */
    run_for(queue, options.warm_up_ms);
    pacing = options.pace != 0;
    if (pacing) run_for(queue, options.warm_up_ms);
    count = lost = 0;
    uint64_t cpu = now_ns(server), own = now_ns(CLOCK_PROCESS_CPUTIME_ID), begin = now_ns(CLOCK_MONOTONIC);
    run_for(queue, options.duration_ms);
    double seconds = (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9;
    double server_seconds = (double)(now_ns(server) - cpu) / 1e9;
    double own_seconds = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - own) / 1e9;
    printf("{\"datagrams\":%llu,\"rate\":%.1f,\"cpu_us\":%.3f,\"server_busy\":%.3f,\"load_busy\":%.3f,"
           "\"lost\":%llu,\"wrong\":%llu}\n",
           (unsigned long long)count, (double)count / seconds,
           count == 0 ? 0 : server_seconds * 1e6 / (double)count, server_seconds / seconds,
           own_seconds / seconds, (unsigned long long)lost, (unsigned long long)wrong);
    return 0;
}
