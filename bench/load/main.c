/*
 * The load generator of the benches: one thread, epoll, libc alone. Each connection sends a message, waits for
 * all of its echo, verifies it, and sends the next. Prints one line of JSON and ends by itself. With --request the
 * message is an HTTP request, read from a file, and each answer must have the status 200 and the body in --answer.
 *
 * Usage: load --port N [--mode echo|idle|rate] [--host 127.0.0.1] [--connections N] [--size BYTES]
 *             [--warm-up-ms N] [--duration-ms N] [--messages N] [--hold-ms N] [--exchange 0|1]
 *             [--reset 0|1] [--pace N] [--server-pid PID] [--request FILE --answer FILE [--pipeline N]]
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* Seconds past the longest planned time at which the program is ended from outside. */
    overtime_seconds = 90,
};

static struct run run;

static void fill_message(struct run *of) {
    of->message = malloc(of->options.size);
    of->inbox = malloc(of->options.size + 1);
    if (of->message == NULL || of->inbox == NULL) fail("malloc", "no memory");
    for (size_t index = 0; index < of->options.size; index++) of->message[index] = (char)(index * 31 + (index >> 8));
}

int main(int count, char **arguments) {
    parse_options(count, arguments, &run.options);
    const struct options *options = &run.options;
    alarm((unsigned)((options->warm_up_ms + options->duration_ms + options->hold_ms) / 1000 + overtime_seconds));
    resolve_target(&run);
    if (options->request != NULL) prepare_http(&run);
    else fill_message(&run);
    run.connections = calloc((size_t)options->connections, sizeof *run.connections);
    if (run.connections == NULL) fail("calloc", "no memory");
    run.queue = epoll_create1(EPOLL_CLOEXEC);
    if (run.queue < 0) fail("epoll_create1", strerror(errno));
    if (options->mode == mode_echo) run_echo(&run);
    if (options->mode == mode_idle) run_idle(&run);
    if (options->mode == mode_rate) run_rate(&run);
    return 0;
}
