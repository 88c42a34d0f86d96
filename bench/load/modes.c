/* The three ways to load a server: echo without pause, idle connections, connections made and closed. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct clocks {
    uint64_t wall;
    uint64_t load;
    uint64_t server;
    /* The parts of it, as the kernel estimates them by its ticks. */
    uint64_t server_user;
    uint64_t server_system;
};

static uint64_t cpu_ns(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* The fields behind the name, which may have spaces: user and system time are the 14th and the 15th of all. */
static void read_parts(int pid, struct clocks *clocks) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) return;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    unsigned long user = 0;
    unsigned long system = 0;
    const char *behind = strrchr(text, ')');
    if (behind == NULL) return;
    if (sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2) return;
    uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    clocks->server_user = user * tick_ns;
    clocks->server_system = system * tick_ns;
}

/* CPU time of the server is that of all its threads, those that ended included. */
static struct clocks read_clocks(const struct run *run) {
    struct clocks clocks = {.wall = now_ns(), .load = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), .server = 0};
    clockid_t clock;
    if (run->options.server_pid != 0 && clock_getcpuclockid(run->options.server_pid, &clock) == 0) {
        clocks.server = cpu_ns(clock);
        read_parts(run->options.server_pid, &clocks);
    }
    return clocks;
}

static void report(const struct run *run, struct clocks from, struct clocks to) {
    static const char *const names[] = {"echo", "idle", "rate"};
    double seconds = (double)(to.wall - from.wall) / 1e9;
    double count = (double)run->messages;
    double server = (double)(to.server - from.server) / 1e9;
    double load = (double)(to.load - from.load) / 1e9;
    const struct histogram *latency = &run->latency;
    printf("{\"mode\":\"%s\",\"connections\":%d,\"size\":%zu,\"messages\":%llu,\"seconds\":%.6f,\"rate\":%.1f,",
           names[run->options.mode], run->options.connections, run->options.size,
           (unsigned long long)run->messages, seconds, count / seconds);
    printf("\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,", (double)histogram_percentile(latency, 0.5) / 1e3,
           (double)histogram_percentile(latency, 0.99) / 1e3, (double)histogram_percentile(latency, 0.999) / 1e3);
    printf("\"load_cpu_seconds\":%.6f,\"load_busy\":%.4f,\"server_cpu_seconds\":%.6f,\"server_busy\":%.4f,", load,
           load / seconds, server, server / seconds);
    printf("\"server_user_seconds\":%.3f,\"server_system_seconds\":%.3f,",
           (double)(to.server_user - from.server_user) / 1e9, (double)(to.server_system - from.server_system) / 1e9);
    printf("\"cpu_us_per_message\":%.4f,\"lost\":%llu}\n", count > 0 ? server / count * 1e6 : 0,
           (unsigned long long)run->lost);
    fflush(stdout);
}

static void open_some(struct run *run) {
    while (run->opened < run->options.connections && run->connecting < connects_at_once) {
        struct connection *connection = &run->connections[run->opened];
        *connection = (struct connection){.descriptor = -1, .number = (uint32_t)run->opened};
        open_connection(run, connection);
        run->opened++;
    }
}

static void messages_done(struct run *run, struct connection *connection, uint64_t count) {
    run->exchanged += count;
    if (!run->measuring) return;
    run->messages += count;
    /* Of a new connection what counts is how long it takes from connecting to the first answer. */
    uint64_t from = run->options.mode == mode_rate ? connection->opened : connection->started;
    uint64_t taken = now_ns() - from;
    for (uint64_t index = 0; index < count; index++) histogram_add(&run->latency, taken);
}

static void lose(struct run *run, struct connection *connection) {
    if (run->options.mode != mode_idle) fail("peer", "closed a connection");
    run->lost++;
    close_connection(run, connection);
}

static void renew(struct run *run, struct connection *connection) {
    close_connection(run, connection);
    uint32_t sequence = connection->sequence;
    *connection = (struct connection){.descriptor = -1, .number = connection->number, .sequence = sequence};
    open_connection(run, connection);
}

static void after_message(struct run *run, struct connection *connection) {
    if (run->options.mode == mode_echo && !run->pacing) start_message(run, connection);
    if (run->options.mode == mode_rate) renew(run, connection);
}

/* A connection is connecting until its first message was started; the sequence of rate mode goes on counting. */
static int is_connecting(const struct connection *connection) {
    return connection->started == 0;
}

static void established(struct run *run, struct connection *connection) {
    finish_connect(run, connection);
    connection->started = now_ns();
    if (run->options.mode != mode_idle || run->options.exchange) start_message(run, connection);
}

static void serve(struct run *run, const struct epoll_event *event) {
    struct connection *connection = event->data.ptr;
    if (connection->descriptor < 0) return;
    if (is_connecting(connection)) {
        established(run, connection);
        return;
    }
    if ((event->events & EPOLLOUT) && connection->sent < run->options.size && connection->sequence > 0) {
        send_message(run, connection);
    }
    if (!(event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))) return;
    int http = run->options.request != NULL;
    int result = http ? receive_answers(run, connection) : receive_message(run, connection);
    if (result > 0) messages_done(run, connection, (uint64_t)result);
    if (result < 0) lose(run, connection);
    else if (result > 0 && (!http || connection->answers == (uint32_t)run->options.pipeline)) {
        after_message(run, connection);
    }
}

static void turn(struct run *run, int wait_ms) {
    struct epoll_event events[events_per_wait];
    open_some(run);
    int count = epoll_wait(run->queue, events, events_per_wait, wait_ms);
    if (count < 0 && errno != EINTR) fail("epoll_wait", strerror(errno));
    for (int index = 0; index < count; index++) serve(run, &events[index]);
}

static int left_ms(uint64_t deadline) {
    uint64_t now = now_ns();
    return now >= deadline ? 0 : (int)((deadline - now) / 1000000u) + 1;
}

static void turn_until(struct run *run, uint64_t deadline, uint64_t messages_max) {
    while (now_ns() < deadline) {
        turn(run, left_ms(deadline));
        if (messages_max != 0 && run->messages >= messages_max) return;
    }
}

static void sleep_until(uint64_t due) {
    struct timespec time = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

/* One message at a time, each at its moment; one that comes too late for its moment is not made up for. */
static void pace_until(struct run *run, uint64_t deadline) {
    uint64_t period = 1000000000u / (uint64_t)run->options.pace;
    uint64_t due = now_ns();
    /* The last one of the time before, if one is under way. */
    const struct connection *connection = &run->connections[0];
    while (connection->received < run->options.size) turn(run, 100);
    while (due < deadline) {
        due += period;
        uint64_t now = now_ns();
        if (due < now) due = now;
        sleep_until(due);
        uint64_t wanted = run->exchanged + 1;
        start_message(run, &run->connections[0]);
        while (run->exchanged < wanted) {
            if (now_ns() >= deadline + 10000000000u) fail("pace", "a message did not come back");
            turn(run, 100);
        }
    }
}

static uint64_t deadline_in(int milliseconds) {
    return now_ns() + (uint64_t)milliseconds * 1000000u;
}

/* Opens everything; `exchanges` messages must have come back before it is done. */
static void open_all(struct run *run, uint64_t exchanges) {
    uint64_t deadline = deadline_in(30000);
    while (run->established < run->options.connections || run->exchanged < exchanges) {
        if (now_ns() >= deadline) fail("open", "not all connections were served within 30 s");
        turn(run, 100);
    }
}

static void measure(struct run *run) {
    /* Without a pause in any case: a compiler at run time is warmed by messages, not by time. */
    turn_until(run, deadline_in(run->options.warm_up_ms), 0);
    int paced = run->options.pace != 0;
    run->pacing = paced;
    if (paced) pace_until(run, deadline_in(run->options.warm_up_ms));
    run->measuring = 1;
    struct clocks from = read_clocks(run);
    if (paced) pace_until(run, deadline_in(run->options.duration_ms));
    else turn_until(run, deadline_in(run->options.duration_ms), run->options.messages);
    report(run, from, read_clocks(run));
    if (run->messages == 0) exit(1);
}

void run_echo(struct run *run) {
    open_all(run, 1);
    measure(run);
}

void run_rate(struct run *run) {
    measure(run);
}

/* Holds until the time is over or standard input ends, whichever is first. */
static void hold(struct run *run) {
    uint64_t deadline = deadline_in(run->options.hold_ms);
    for (;;) {
        int left = left_ms(deadline);
        if (left == 0) return;
        struct pollfd watched[2] = {{.fd = 0, .events = POLLIN}, {.fd = run->queue, .events = POLLIN}};
        if (poll(watched, 2, left) < 0 && errno != EINTR) fail("poll", strerror(errno));
        if (watched[0].revents != 0) return;
        if (watched[1].revents != 0) turn(run, 0);
    }
}

/* After the hold every connection must still answer. */
static void exchange_again(struct run *run) {
    uint64_t wanted = run->exchanged;
    for (int index = 0; index < run->options.connections; index++) {
        if (run->connections[index].descriptor < 0) continue;
        start_message(run, &run->connections[index]);
        wanted++;
    }
    uint64_t deadline = deadline_in(30000);
    while (run->exchanged + run->lost < wanted) {
        if (now_ns() >= deadline) fail("idle", "an idle connection no longer answered");
        turn(run, 100);
    }
}

void run_idle(struct run *run) {
    open_all(run, run->options.exchange ? (uint64_t)run->options.connections : 0);
    printf("{\"open\":%d}\n", run->established);
    fflush(stdout);
    struct clocks from = read_clocks(run);
    hold(run);
    struct clocks to = read_clocks(run);
    run->measuring = 1;
    exchange_again(run);
    report(run, from, to);
}
