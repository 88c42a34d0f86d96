/*
 * The baseline of the benches: a bare epoll echo loop on one thread. Level-triggered, one hot buffer for all
 * connections, a read and a write for each message and nothing else. What a short write leaves over is kept
 * for that connection alone, and reading waits until it is gone. With --edge the same loop runs
 * edge-triggered, to see what that alone is worth. With --threads N as many such loops run beside each other,
 * each with a listener of its own on the same port (SO_REUSEPORT) and sharing nothing.
 *
 * Usage: epoll_echo [--edge] [--threads N]. Prints {"port":N} and serves 127.0.0.1 until it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

enum {
    buffer_bytes = 64 * 1024,
    events_per_wait = 512,
    descriptors_max = 1 << 20,
    /* Reads of one connection before the next has its turn, edge-triggered only. */
    reads_per_turn = 4,
    threads_max = 64,
};

struct rest {
    char *bytes;
    size_t offset;
    size_t length;
};

static _Thread_local char buffer[buffer_bytes];
static _Thread_local int queue;
/* A descriptor belongs to one thread, so its place does. */
static struct rest *rests[descriptors_max];
static unsigned edge;

static void watch(int operation, int descriptor, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(queue, operation, descriptor, &event) != 0) fail("epoll_ctl");
}

static void drop_rest(int descriptor) {
    struct rest *rest = rests[descriptor];
    if (rest == NULL) return;
    free(rest->bytes);
    free(rest);
    rests[descriptor] = NULL;
}

static void hang_up(int descriptor) {
    drop_rest(descriptor);
    close(descriptor);
}

static void keep_rest(int descriptor, const char *bytes, size_t length) {
    struct rest *rest = malloc(sizeof *rest);
    if (rest == NULL) fail("malloc");
    *rest = (struct rest){.bytes = malloc(length), .offset = 0, .length = length};
    if (rest->bytes == NULL) fail("malloc");
    memcpy(rest->bytes, bytes, length);
    rests[descriptor] = rest;
    if (!edge) watch(EPOLL_CTL_MOD, descriptor, EPOLLOUT);
}

static void write_rest(int descriptor) {
    struct rest *rest = rests[descriptor];
    ssize_t count = write(descriptor, rest->bytes + rest->offset, rest->length - rest->offset);
    if (count < 0) {
        if (errno != EAGAIN && errno != EINTR) hang_up(descriptor);
        return;
    }
    rest->offset += (size_t)count;
    if (rest->offset < rest->length) return;
    drop_rest(descriptor);
    if (!edge) watch(EPOLL_CTL_MOD, descriptor, EPOLLIN);
}

/* Returns 1 when the next read may find more. */
static int echo_once(int descriptor) {
    ssize_t count = read(descriptor, buffer, buffer_bytes);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) hang_up(descriptor);
        return 0;
    }
    ssize_t written = write(descriptor, buffer, (size_t)count);
    if (written < 0) {
        if (errno != EAGAIN) {
            hang_up(descriptor);
            return 0;
        }
        written = 0;
    }
    if (written < count) {
        keep_rest(descriptor, buffer + written, (size_t)(count - written));
        return 0;
    }
    return count == buffer_bytes;
}

static void serve_edge(int descriptor, unsigned events) {
    if (rests[descriptor] != NULL) {
        if (!(events & EPOLLOUT)) return;
        write_rest(descriptor);
        if (rests[descriptor] != NULL) return;
    }
    int rounds = 0;
    while (echo_once(descriptor)) {
        if (++rounds < reads_per_turn) continue;
        watch(EPOLL_CTL_MOD, descriptor, EPOLLIN | EPOLLOUT | EPOLLET);
        return;
    }
}

static void serve(int descriptor, unsigned events) {
    if (edge) {
        serve_edge(descriptor, events);
    } else if (rests[descriptor] != NULL) {
        write_rest(descriptor);
    } else {
        echo_once(descriptor);
    }
}

static void accept_all(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        if (descriptor >= descriptors_max) {
            close(descriptor);
            continue;
        }
        watch(EPOLL_CTL_ADD, descriptor, edge ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN);
    }
}

static void *run(void *argument) {
    int listener = (int)(intptr_t)argument;
    queue = epoll_create1(EPOLL_CLOEXEC);
    if (queue < 0) fail("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    struct epoll_event events[events_per_wait];
    for (;;) {
        int ready = epoll_wait(queue, events, events_per_wait, -1);
        for (int index = 0; index < ready; index++) {
            int descriptor = events[index].data.fd;
            if (descriptor == listener) accept_all(listener);
            else serve(descriptor, events[index].events);
        }
    }
    return NULL;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    int threads = 1;
    for (int index = 1; index < count; index++) {
        if (strcmp(arguments[index], "--edge") == 0) edge = 1;
        if (strcmp(arguments[index], "--threads") == 0 && index + 1 < count) threads = atoi(arguments[++index]);
    }
    if (threads < 1 || threads > threads_max) {
        fprintf(stderr, "--threads wants 1 to %d\n", threads_max);
        return 1;
    }
    int listener = open_listener(0, threads > 1);
    int port = port_of(listener);
    for (int index = 1; index < threads; index++) {
        pthread_t thread;
        void *other = (void *)(intptr_t)open_listener(port, 1);
        if (pthread_create(&thread, NULL, run, other) != 0) fail("pthread_create");
    }
    printf("{\"port\":%d}\n", port);
    fflush(stdout);
    run((void *)(intptr_t)listener);
    return 0;
}
