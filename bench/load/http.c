/*
 * HTTP/1.1 requests: a batch of them is sent at once and each answer is checked whole. It must have the status
 * 200, one Content-Length that is the length of the wanted body, no Transfer-Encoding, and just these bytes. The
 * first that is otherwise ends the run.
 */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    file_bytes_max = 16 << 20,
    /* Of a date as in "Sun, 06 Nov 1994 08:49:37 GMT". */
    date_bytes = 29,
};

static char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path, strerror(errno));
    char *bytes = malloc(file_bytes_max);
    if (bytes == NULL) fail("malloc", "no memory");
    *length = fread(bytes, 1, file_bytes_max, file);
    if (*length == file_bytes_max) fail(path, "is too large");
    fclose(file);
    return bytes;
}

void prepare_http(struct run *run) {
    size_t length = 0;
    char *request = read_file(run->options.request, &length);
    run->answer = read_file(run->options.answer, &run->answer_length);
    size_t batch = length * (size_t)run->options.pipeline;
    if (length == 0 || batch > message_bytes_max) fail("--request", "is empty or too large");
    run->message = malloc(batch);
    run->inbox = malloc(head_bytes_max + inbox_bytes);
    if (run->message == NULL || run->inbox == NULL) fail("malloc", "no memory");
    for (size_t at = 0; at < batch; at += length) memcpy(run->message + at, request, length);
    run->options.size = batch;
    free(request);
}

static int is_named(const char *line, size_t length, const char *name) {
    size_t name_length = strlen(name);
    return length > name_length && strncasecmp(line, name, name_length) == 0 && line[name_length] == ':';
}

static const char *skip_spaces(const char *at, const char *end) {
    while (at < end && *at == ' ') at++;
    return at;
}

/* Examines a head of `length` bytes, its empty line included, and keeps it for comparison. */
static void examine(struct run *run, const char *head, size_t length) {
    if (length > head_bytes_max) fail("answer", "the head is too long");
    if (length < 17 || memcmp(head, "HTTP/1.1 200 ", 13) != 0) fail("answer", "the status is not 200");
    struct learned_head *learned = &run->learned;
    *learned = (struct learned_head){.length = length, .date = length};
    memcpy(learned->bytes, head, length);
    const char *end = head + length - 2;
    int lengths = 0;
    for (const char *line = (const char *)memchr(head, '\n', length) + 1; line < end;) {
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        size_t size = (size_t)(stop - line);
        if (is_named(line, size, "transfer-encoding")) fail("answer", "it has a Transfer-Encoding");
        if (is_named(line, size, "connection") && memmem(line, size, "close", 5)) fail("answer", "it closes");
        if (is_named(line, size, "content-length")) {
            lengths++;
            const char *value = skip_spaces(line + strlen("content-length:"), stop);
            if (strtoull(value, NULL, 10) != run->answer_length) fail("answer", "another Content-Length");
        }
        if (is_named(line, size, "date")) {
            const char *value = skip_spaces(line + strlen("date:"), stop);
            if (stop - value != date_bytes) fail("answer", "a date of another form");
            learned->date = (size_t)(value - head);
            learned->date_length = date_bytes;
        }
        line = stop + 2;
    }
    if (lengths != 1) fail("answer", "it has not one Content-Length");
}

/* The bytes of the head at `at`; 0 where it has not come whole. */
static size_t take_head(struct run *run, const char *at, size_t available) {
    const struct learned_head *learned = &run->learned;
    size_t behind = learned->date + learned->date_length;
    if (learned->length > 0 && available >= learned->length && memcmp(at, learned->bytes, learned->date) == 0 &&
        memcmp(at + behind, learned->bytes + behind, learned->length - behind) == 0) {
        return learned->length;
    }
    const char *end = memmem(at, available, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    examine(run, at, (size_t)(end - at) + 4);
    return (size_t)(end - at) + 4;
}

/* Takes answers out of the inbox; how many were completed. What is left of a head stays with the connection. */
static int take_answers(struct run *run, struct connection *connection, size_t available) {
    const char *at = run->inbox;
    const char *end = at + available;
    int completed = 0;
    while (at < end) {
        if (connection->answers == (uint32_t)run->options.pipeline) fail("answer", "more came than was asked for");
        if (!connection->in_body) {
            size_t length = take_head(run, at, (size_t)(end - at));
            if (length == 0) break;
            at += length;
            connection->in_body = 1;
            connection->received = 0;
        }
        size_t due = run->answer_length - connection->received;
        size_t count = (size_t)(end - at) < due ? (size_t)(end - at) : due;
        if (memcmp(at, run->answer + connection->received, count) != 0) fail("answer", "other bytes than wanted");
        at += count;
        connection->received += count;
        if (connection->received < run->answer_length) break;
        connection->in_body = 0;
        connection->answers++;
        completed++;
    }
    connection->head_length = (uint32_t)(end - at);
    if (at == end) return completed;
    if (connection->head_length >= head_bytes_max) fail("answer", "the head is too long");
    if (connection->head == NULL) connection->head = malloc(head_bytes_max);
    if (connection->head == NULL) fail("malloc", "no memory");
    memcpy(connection->head, at, connection->head_length);
    return completed;
}

int receive_answers(struct run *run, struct connection *connection) {
    int completed = 0;
    for (;;) {
        size_t held = connection->head_length;
        if (held > 0) memcpy(run->inbox, connection->head, held);
        ssize_t count = recv(connection->descriptor, run->inbox + held, inbox_bytes, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) return completed;
        if (count <= 0) return -1;
        completed += take_answers(run, connection, held + (size_t)count);
        /* A short read has emptied the socket; the next bytes are a new edge. */
        if ((size_t)count < inbox_bytes) return completed;
    }
}
