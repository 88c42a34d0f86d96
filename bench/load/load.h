/* What the parts of the load generator share: the options, the connections and how the run stands. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "histogram.h"

enum {
    /* One address has about 28,000 ports to give; past this many connections another one is used. */
    connections_per_source = 20000,
    /* Connects under way at once, fewer than any server's backlog. */
    connects_at_once = 128,
    sources_of_rate = 200,
    connections_max = 100000,
    message_bytes_max = 16 << 20,
    run_ms_max = 600000,
    pace_max = 100000,
    events_per_wait = 512,
    /* Bytes compared at both ends of every piece that comes back. */
    verified_bytes = 16,
    /* Requests of one connection that are sent at once. */
    pipeline_max = 64,
    /* Bytes of an answer's head, and what is read of answers at once. */
    head_bytes_max = 4096,
    inbox_bytes = 256 * 1024,
    /* The message begins with the connection's number and the message's number and ends with the latter. */
    stamp_bytes = 8,
};

enum mode { mode_echo, mode_idle, mode_rate };

struct options {
    enum mode mode;
    char host[64];
    int port;
    int connections;
    size_t size;
    int warm_up_ms;
    int duration_ms;
    /* Echo mode: messages a second, one at a time on one connection; 0 for no pause between two. */
    int pace;
    /* 0: bounded by time alone. */
    uint64_t messages;
    int hold_ms;
    /* Idle mode: exchange one message on each connection before it idles. */
    int exchange;
    /* Rate mode: connections are closed by a reset instead of in order, which leaves nothing in TIME_WAIT. */
    int reset;
    /* HTTP: the files with the bytes of one request and with the body of its answer; NULL for echo. */
    const char *request;
    const char *answer;
    /* Requests that are sent at once, before the first is answered. */
    int pipeline;
    /* The server's process, whose CPU clock is read at both ends of the window; 0 for none. */
    int server_pid;
};

struct connection {
    int descriptor;
    uint32_t number;
    uint32_t sequence;
    size_t sent;
    size_t received;
    /* When connecting began, and when the message under way was sent. */
    uint64_t opened;
    uint64_t started;
    /* HTTP: answers of this batch that have come, and the bytes of a head that has come in part. */
    uint32_t answers;
    uint32_t in_body;
    uint32_t head_length;
    char *head;
};

/* The head of the last answer that was examined: others are the same but for their date. */
struct learned_head {
    char bytes[head_bytes_max];
    size_t length;
    size_t date;
    size_t date_length;
};

struct run {
    struct options options;
    int queue;
    struct sockaddr_storage target;
    socklen_t target_length;
    struct connection *connections;
    int opened;
    int connecting;
    int established;
    char *message;
    char *inbox;
    /* Messages of the window, connections made and lost. */
    uint64_t messages;
    uint64_t exchanged;
    uint64_t lost;
    int measuring;
    /* Messages are sent at their moments, and not when the one before has come back. */
    int pacing;
    struct histogram latency;
    /* HTTP: the body every answer must have. */
    char *answer;
    size_t answer_length;
    struct learned_head learned;
};

/* options.c */
void parse_options(int count, char **arguments, struct options *options);
_Noreturn void fail(const char *what, const char *detail);

/* connection.c */
uint64_t now_ns(void);
void resolve_target(struct run *run);
void open_connection(struct run *run, struct connection *connection);
void finish_connect(struct run *run, struct connection *connection);
/* Begins the next message. */
void start_message(struct run *run, struct connection *connection);
/* Sends what is left of the message; returns when all is sent or the socket is full. */
void send_message(struct run *run, struct connection *connection);
/* Reads and verifies; 1 = the whole message came back, 0 = more is to come, -1 = the peer closed. */
int receive_message(struct run *run, struct connection *connection);
void close_connection(struct run *run, struct connection *connection);

/* http.c */
/* Reads the request and the answer from their files; the requests of a batch become the message. */
void prepare_http(struct run *run);
/* Reads and checks answers; how many were completed, or -1: the peer closed. */
int receive_answers(struct run *run, struct connection *connection);

/* modes.c */
void run_echo(struct run *run);
void run_idle(struct run *run);
void run_rate(struct run *run);

#endif
