/*
 * The floor of the HTTP benchmark: an epoll loop on one thread that looks for the empty line behind each head, skips
 * a body of known length, and writes an answer that was made at the start. No parsing, no routing, no date. All
 * answers to what one read has brought leave in one write, out of a buffer that holds the answer many times over.
 * Level-triggered; what a short write leaves over waits for the socket, and reading waits with it.
 *
 * Usage: epoll_http --answer FILE [--type TEXT] [--body-bytes N]. Prints {"port":N} and serves until it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "listener.h"

enum {
    buffer_bytes = 256 * 1024,
    /* What one write takes of equal answers; an answer that is larger is written alone. */
    answers_bytes = 64 * 1024,
    answer_bytes_max = 16 << 20,
    head_room = 512,
    events_per_wait = 512,
    descriptors_max = 1 << 16,
};

/* Few bytes, since there may be very many connections. */
struct connection {
    /* Bytes of a request's body that are still to come. */
    uint32_t body_left;
    /* Bytes of answers that are owed. */
    uint32_t owed;
    /* How much of an empty line the last bytes of an unfinished head were. */
    uint8_t matched;
    uint8_t waits_for_room;
};

static char buffer[buffer_bytes];
static struct connection connections[descriptors_max];
static int queue;
/* The answer again and again. */
static char *answers;
static size_t answers_length;
static size_t answer_length;
static size_t body_bytes;

static void watch(int operation, int descriptor, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = descriptor};
    if (epoll_ctl(queue, operation, descriptor, &event) != 0) fail("epoll_ctl");
}

static void hang_up(int descriptor) {
    connections[descriptor] = (struct connection){0};
    close(descriptor);
}

static void write_owed(int descriptor) {
    struct connection *connection = &connections[descriptor];
    while (connection->owed > 0) {
        /* An answer that has left in part goes on where it was. */
        size_t offset = (answer_length - connection->owed % answer_length) % answer_length;
        size_t room = answers_length - offset;
        size_t count = connection->owed < room ? connection->owed : room;
        ssize_t written = write(descriptor, answers + offset, count);
        if (written < 0 && errno != EAGAIN) {
            hang_up(descriptor);
            return;
        }
        if (written > 0) connection->owed -= (uint32_t)written;
        if (written < (ssize_t)count) break;
    }
    uint8_t waits = connection->owed > 0;
    if (waits == connection->waits_for_room) return;
    connection->waits_for_room = waits;
    watch(EPOLL_CTL_MOD, descriptor, waits ? EPOLLOUT : EPOLLIN);
}

/* The byte behind the empty line; NULL where it has not come. The rest of one that began before comes first. */
static const char *head_end(struct connection *connection, const char *at, const char *end) {
    static const char empty_line[] = "\r\n\r\n";
    while (connection->matched > 0 && at < end) {
        if (*at == empty_line[connection->matched]) {
            at++;
            if (++connection->matched < 4) continue;
            connection->matched = 0;
            return at;
        }
        if (*at != '\r' || connection->matched != 2) connection->matched = *at == '\r' ? 1 : 0;
        at++;
    }
    const char *found = memmem(at, (size_t)(end - at), empty_line, 4);
    if (found != NULL) return found + 4;
    for (uint8_t length = 3; length > 0; length--) {
        if (end - at < length || memcmp(end - length, empty_line, length) != 0) continue;
        connection->matched = length;
        break;
    }
    return NULL;
}

static void serve(int descriptor) {
    struct connection *connection = &connections[descriptor];
    if (connection->waits_for_room) {
        write_owed(descriptor);
        return;
    }
    ssize_t count = read(descriptor, buffer, buffer_bytes);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) hang_up(descriptor);
        return;
    }
    const char *at = buffer;
    const char *end = buffer + count;
    while (at < end) {
        if (connection->body_left > 0) {
            size_t left = connection->body_left;
            size_t skipped = (size_t)(end - at) < left ? (size_t)(end - at) : left;
            at += skipped;
            connection->body_left -= (uint32_t)skipped;
            if (connection->body_left == 0) connection->owed += (uint32_t)answer_length;
            continue;
        }
        at = head_end(connection, at, end);
        if (at == NULL) break;
        connection->body_left = (uint32_t)body_bytes;
        if (body_bytes == 0) connection->owed += (uint32_t)answer_length;
    }
    if (connection->owed > 0) write_owed(descriptor);
}

static void accept_all(int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        if (descriptor >= descriptors_max) close(descriptor);
        else watch(EPOLL_CTL_ADD, descriptor, EPOLLIN);
    }
}

static void make_answers(const char *path, const char *type) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path);
    char *body = malloc(answer_bytes_max);
    if (body == NULL) fail("malloc");
    size_t length = fread(body, 1, answer_bytes_max, file);
    fclose(file);
    char head[head_room];
    int head_length = snprintf(head, sizeof head,
                               "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nContent-Type: %s\r\n"
                               "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
                               length, type);
    if (head_length < 0 || head_length >= head_room) fail("--type");
    answer_length = (size_t)head_length + length;
    size_t times = answer_length < answers_bytes ? answers_bytes / answer_length : 1;
    answers_length = times * answer_length;
    answers = malloc(answers_length);
    if (answers == NULL) fail("malloc");
    for (size_t at = 0; at < answers_length; at += answer_length) {
        memcpy(answers + at, head, (size_t)head_length);
        memcpy(answers + at + head_length, body, length);
    }
    free(body);
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    const char *path = NULL;
    const char *type = "text/plain;charset=utf-8";
    for (int index = 1; index + 1 < count; index += 2) {
        if (strcmp(arguments[index], "--answer") == 0) path = arguments[index + 1];
        if (strcmp(arguments[index], "--type") == 0) type = arguments[index + 1];
        if (strcmp(arguments[index], "--body-bytes") == 0) body_bytes = strtoul(arguments[index + 1], NULL, 10);
    }
    if (path == NULL) {
        fprintf(stderr, "--answer is missing\n");
        return 1;
    }
    make_answers(path, type);
    int listener = open_listener(0, 0);
    queue = epoll_create1(EPOLL_CLOEXEC);
    if (queue < 0) fail("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    printf("{\"port\":%d}\n", port_of(listener));
    fflush(stdout);
    struct epoll_event events[events_per_wait];
    for (;;) {
        int ready = epoll_wait(queue, events, events_per_wait, -1);
        for (int index = 0; index < ready; index++) {
            int descriptor = events[index].data.fd;
            if (descriptor == listener) accept_all(listener);
            else serve(descriptor);
        }
    }
}
