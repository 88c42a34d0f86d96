/* One connection: connect, send a stamped message, verify what comes back. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void resolve_target(struct run *run) {
    if (strchr(run->options.host, ':') != NULL) {
        struct sockaddr_in6 *address = (struct sockaddr_in6 *)&run->target;
        *address = (struct sockaddr_in6){
            .sin6_family = AF_INET6,
            .sin6_port = htons((uint16_t)run->options.port),
            .sin6_addr = in6addr_loopback,
        };
        run->target_length = sizeof *address;
        return;
    }
    struct sockaddr_in *address = (struct sockaddr_in *)&run->target;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)run->options.port)};
    if (inet_pton(AF_INET, run->options.host, &address->sin_addr) != 1) fail("--host", "not an address");
    run->target_length = sizeof *address;
}

/* Spreads the connections over 127.0.0.2, .3 and so on where one address has not ports enough. */
static void bind_source(struct run *run, struct connection *connection) {
    uint32_t source = connection->number / connections_per_source;
    /* A port cannot be used again at once by the side that closed first: 200 addresses have six million. */
    if (run->options.mode == mode_rate) source = 1 + connection->sequence % sources_of_rate;
    if (source == 0 || run->target.ss_family != AF_INET) return;
    int on = 1;
    setsockopt(connection->descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source)};
    if (bind(connection->descriptor, (struct sockaddr *)&address, sizeof address) != 0) fail("bind", strerror(errno));
}

void open_connection(struct run *run, struct connection *connection) {
    int descriptor = socket(run->target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail("socket", strerror(errno));
    connection->descriptor = descriptor;
    bind_source(run, connection);
    connection->opened = now_ns();
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int result = connect(descriptor, (struct sockaddr *)&run->target, run->target_length);
    if (result != 0 && errno != EINPROGRESS) fail("connect", strerror(errno));
    /* Edge-triggered with both directions from the start: no epoll_ctl ever again for this connection. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (epoll_ctl(run->queue, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl", strerror(errno));
    run->connecting++;
}

void finish_connect(struct run *run, struct connection *connection) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(connection->descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) fail("connect", strerror(error));
    run->connecting--;
    run->established++;
}

void close_connection(struct run *run, struct connection *connection) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    if (run->options.reset) setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(connection->descriptor);
    connection->descriptor = -1;
    free(connection->head);
    connection->head = NULL;
    run->established--;
}

/*
 * All connections send out of one template. The stamp is put in anew before each use, so that what came back
 * is compared with what this very message was.
 */
static void stamp(struct run *run, const struct connection *connection) {
    if (run->options.request != NULL) return;
    size_t size = run->options.size;
    char bytes[stamp_bytes];
    memcpy(bytes, &connection->number, 4);
    memcpy(bytes + 4, &connection->sequence, 4);
    memcpy(run->message, bytes, size < stamp_bytes ? size : stamp_bytes);
    if (size >= stamp_bytes + 4) memcpy(run->message + size - 4, &connection->sequence, 4);
}

void start_message(struct run *run, struct connection *connection) {
    connection->sequence++;
    connection->sent = 0;
    connection->received = 0;
    connection->answers = 0;
    connection->started = now_ns();
    send_message(run, connection);
}

void send_message(struct run *run, struct connection *connection) {
    size_t size = run->options.size;
    stamp(run, connection);
    while (connection->sent < size) {
        ssize_t count = send(connection->descriptor, run->message + connection->sent, size - connection->sent,
                             MSG_NOSIGNAL);
        if (count < 0) {
            if (errno == EAGAIN) return;
            if (errno == EINTR) continue;
            fail("send", strerror(errno));
        }
        connection->sent += (size_t)count;
    }
}

static void verify(struct run *run, const struct connection *connection, size_t count) {
    const char *wanted = run->message + connection->received;
    size_t ends = count < verified_bytes ? count : verified_bytes;
    if (memcmp(run->inbox, wanted, ends) != 0 ||
        memcmp(run->inbox + count - ends, wanted + count - ends, ends) != 0) {
        fail("echo", "other bytes came back than were sent");
    }
}

int receive_message(struct run *run, struct connection *connection) {
    size_t size = run->options.size;
    for (;;) {
        /* One byte more than is due is asked for, so that an echo that is too long is seen. */
        size_t room = size - connection->received + 1;
        ssize_t count = recv(connection->descriptor, run->inbox, room, 0);
        if (count == 0) return -1;
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return 0;
            return -1;
        }
        if ((size_t)count == room) fail("echo", "more bytes came back than were sent");
        stamp(run, connection);
        verify(run, connection, (size_t)count);
        connection->received += (size_t)count;
        if (connection->received == size) return 1;
        /* A short read has emptied the socket; the next bytes are a new edge. */
        if ((size_t)count < room - 1) return 0;
    }
}
