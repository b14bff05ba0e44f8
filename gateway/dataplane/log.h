/*
 * log.h: a daemon's log, lines on standard error ("cygnetd: warning: text"), which systemd and a
 * terminal both read. log_warn appends strerror(errno), log_warnx does not; errno is preserved.
 * No secret is ever an argument. Packet threads use log_packet, which is rate-limited.
 */
#ifndef CYGNET_LOG_H
#define CYGNET_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* name: in front of each line, a constant; cygnetd without this. */
void log_name(const char *name);
void log_init(enum log_level level);
/* "error", "warn", "info", "debug"; false if text is none of them. */
bool log_level_parse(const char *text, enum log_level *out);
bool log_enabled(enum log_level level);

#define LOG_PRINTF(n) __attribute__((format(printf, n, n + 1)))
void log_err(const char *format, ...) LOG_PRINTF(1);
void log_warn(const char *format, ...) LOG_PRINTF(1);
void log_warnx(const char *format, ...) LOG_PRINTF(1);
void log_info(const char *format, ...) LOG_PRINTF(1);
void log_debug(const char *format, ...) LOG_PRINTF(1);
/* For packet threads: at most ten lines a second in all, the rest counted and said later. */
void log_packet(const char *format, ...) LOG_PRINTF(1);

#endif
