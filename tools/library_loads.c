/* Loads a library of this project and opens a loop of it, in a process of whatever libc this was linked to:
 * library_loads FILE. Proves that one file serves glibc and musl. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of the Configuration of zig/src/abi.zig: the first two are given, these are read. */
enum { configuration_words = 32, segment_size = 2, segment_count = 3, shared_bytes = 14, tables_bytes = 15 };

static void *library;

static void *symbol(const char *name) {
    void *found = dlsym(library, name);
    if (found != NULL) return found;
    printf("%s is missing: %s\n", name, dlerror());
    exit(1);
}

static void *zeroed(uint32_t bytes) {
    void *memory = aligned_alloc(4096, ((size_t)bytes + 4095) / 4096 * 4096);
    if (memory == NULL) exit(1);
    return memset(memory, 0, bytes);
}

int main(int count, char **arguments) {
    library = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    if (library == NULL) {
        printf("cannot load: %s\n", count == 2 ? dlerror() : "one file is wanted");
        return 1;
    }
    uint32_t (*abi_version)(void) = symbol("ringport_abi_version");
    uint32_t (*layout_hash)(void) = symbol("ringport_layout_hash");
    int32_t (*configure)(void *) = symbol("ringport_configure");
    int32_t (*loop_open)(const void *, void *, void *, void *) = symbol("ringport_loop_open");
    int32_t (*poll)(uint32_t, uint32_t) = symbol("ringport_poll");
    int32_t (*loop_close)(uint32_t) = symbol("ringport_loop_close");

    uint32_t configuration[configuration_words] = {abi_version(), layout_hash()};
    int32_t status = configure(configuration);
    if (status != 0) return printf("configure answers %d\n", status), 1;
    int32_t loop = loop_open(configuration, zeroed(configuration[shared_bytes]), zeroed(configuration[tables_bytes]),
                             zeroed(configuration[segment_size] * configuration[segment_count]));
    if (loop <= 0) return printf("loop_open answers %d\n", loop), 1;
    if (poll((uint32_t)loop, 1) != 0) return printf("poll found something\n"), 1;
    status = loop_close((uint32_t)loop);
    if (status != 0) return printf("loop_close answers %d\n", status), 1;
    printf("loaded and ran: %s\n", arguments[1]);
    return 0;
}
