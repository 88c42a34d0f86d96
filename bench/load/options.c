/* The command line: every option is a pair `--name value`. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *what, const char *detail) {
    printf("{\"error\":\"%s: %s\"}\n", what, detail);
    fflush(stdout);
    exit(1);
}

static long number(const char *name, const char *text, long least, long most) {
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || value < least || value > most) fail(name, "not a number or out of range");
    return value;
}

static enum mode parse_mode(const char *text) {
    if (strcmp(text, "echo") == 0) return mode_echo;
    if (strcmp(text, "idle") == 0) return mode_idle;
    if (strcmp(text, "rate") == 0) return mode_rate;
    fail("--mode", "wants echo, idle or rate");
}

static void parse_host(const char *text, struct options *options) {
    /* Loopback only: this program must never be pointed at somebody else's machine. */
    if (strncmp(text, "127.", 4) != 0 && strcmp(text, "::1") != 0) fail("--host", "wants a loopback address");
    snprintf(options->host, sizeof options->host, "%s", text);
}

static void parse_one(const char *name, const char *value, struct options *options) {
    if (strcmp(name, "--mode") == 0) options->mode = parse_mode(value);
    else if (strcmp(name, "--host") == 0) parse_host(value, options);
    else if (strcmp(name, "--port") == 0) options->port = (int)number(name, value, 1, 65535);
    else if (strcmp(name, "--connections") == 0) options->connections = (int)number(name, value, 1, connections_max);
    else if (strcmp(name, "--size") == 0) options->size = (size_t)number(name, value, 1, message_bytes_max);
    else if (strcmp(name, "--warm-up-ms") == 0) options->warm_up_ms = (int)number(name, value, 0, run_ms_max);
    else if (strcmp(name, "--duration-ms") == 0) options->duration_ms = (int)number(name, value, 1, run_ms_max);
    else if (strcmp(name, "--pace") == 0) options->pace = (int)number(name, value, 0, pace_max);
    else if (strcmp(name, "--messages") == 0) options->messages = (uint64_t)number(name, value, 0, 1L << 40);
    else if (strcmp(name, "--hold-ms") == 0) options->hold_ms = (int)number(name, value, 0, run_ms_max);
    else if (strcmp(name, "--exchange") == 0) options->exchange = (int)number(name, value, 0, 1);
    else if (strcmp(name, "--reset") == 0) options->reset = (int)number(name, value, 0, 1);
    else if (strcmp(name, "--request") == 0) options->request = value;
    else if (strcmp(name, "--answer") == 0) options->answer = value;
    else if (strcmp(name, "--pipeline") == 0) options->pipeline = (int)number(name, value, 1, pipeline_max);
    else if (strcmp(name, "--server-pid") == 0) options->server_pid = (int)number(name, value, 0, 1 << 30);
    else fail(name, "unknown option");
}

void parse_options(int count, char **arguments, struct options *options) {
    *options = (struct options){
        .mode = mode_echo,
        .host = "127.0.0.1",
        .connections = 1,
        .size = 64,
        .warm_up_ms = 1000,
        .duration_ms = 2000,
        .hold_ms = 1000,
        .exchange = 1,
        .pipeline = 1,
    };
    if (count % 2 == 0) fail("options", "each wants a value");
    for (int index = 1; index < count; index += 2) parse_one(arguments[index], arguments[index + 1], options);
    if (options->port == 0) fail("--port", "is missing");
    if (options->pace != 0 && (options->mode != mode_echo || options->connections != 1)) {
        fail("--pace", "wants echo mode and one connection");
    }
    if ((options->request == NULL) != (options->answer == NULL)) fail("--request", "wants --answer as well");
    if (options->pipeline != 1 && options->request == NULL) fail("--pipeline", "wants --request");
    if (options->pace != 0 && options->request != NULL) fail("--pace", "is for echo");
}
