/* A listener on a free port of 127.0.0.1, as the C peers open it. */
#ifndef PEERS_LISTENER_H
#define PEERS_LISTENER_H

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { listen_backlog = 4096 };

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Port 0: any, told by the name of the socket. */
static inline int open_listener(int port, int shared) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (listener < 0) fail("socket");
    int on = 1;
    /* Accepted sockets inherit it, which saves a call for each. */
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (shared) setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) fail("bind");
    if (listen(listener, listen_backlog) != 0) fail("listen");
    return listener;
}

static inline int port_of(int listener) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) fail("getsockname");
    return ntohs(address.sin_port);
}

#endif
