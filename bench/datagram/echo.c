/*
 * The baselines of bench/datagram: a bare echo on one thread. Plain: one receive and one send for each datagram.
 * With --many: up to 64 for each system call, as the library does.
 *
 * Usage: datagram_echo [--many]. Prints {"port":N} and serves 127.0.0.1 until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { batch = 64, room_bytes = 2048, buffer_bytes = 4 << 20 };

static char rooms[batch][room_bytes];
static struct sockaddr_in names[batch];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int open_socket(void) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (descriptor < 0) fail("socket");
    int bytes = buffer_bytes;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    struct sockaddr_in name = {.sin_family = AF_INET};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    if (bind(descriptor, (struct sockaddr *)&name, length) != 0) fail("bind");
    if (getsockname(descriptor, (struct sockaddr *)&name, &length) != 0) fail("getsockname");
    printf("{\"port\":%d}\n", ntohs(name.sin_port));
    fflush(stdout);
    return descriptor;
}

static void serve_plain(int descriptor) {
    for (;;) {
        socklen_t length = sizeof names[0];
        ssize_t got = recvfrom(descriptor, rooms[0], room_bytes, 0, (struct sockaddr *)&names[0], &length);
        if (got < 0) return;
        sendto(descriptor, rooms[0], (size_t)got, 0, (struct sockaddr *)&names[0], length);
    }
}

static void serve_many(int descriptor) {
    struct mmsghdr messages[batch];
    struct iovec vectors[batch];
    for (int at = 0; at < batch; at++) {
        vectors[at] = (struct iovec){rooms[at], room_bytes};
        messages[at] = (struct mmsghdr){
            .msg_hdr =
                {
                    .msg_name = &names[at],
                    .msg_namelen = sizeof names[at],
                    .msg_iov = &vectors[at],
                    .msg_iovlen = 1,
                },
        };
    }
    int got = recvmmsg(descriptor, messages, batch, MSG_DONTWAIT, NULL);
    if (got <= 0) return;
    for (int at = 0; at < got; at++) vectors[at].iov_len = messages[at].msg_len;
    sendmmsg(descriptor, messages, (unsigned)got, MSG_DONTWAIT);
}

int main(int argc, char **argv) {
    int many = argc > 1 && strcmp(argv[1], "--many") == 0;
    int descriptor = open_socket();
    int queue = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll");
    for (;;) {
        if (epoll_wait(queue, &event, 1, -1) <= 0) continue;
        if (many) serve_many(descriptor);
        else serve_plain(descriptor);
    }
}
