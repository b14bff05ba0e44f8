/*
 * log.c: see log.h. Name and level are program-wide settings, written once before threads start.
 */
#include "gateway/dataplane/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, PACKET_LINES_PER_SECOND = 10 };

static enum log_level current = LOG_LEVEL_INFO;
static const char *program = "cygnetd";

static const char *const names[] = {"error", "warn", "info", "debug"};

void log_name(const char *name)
{
	program = name;
}

void log_init(enum log_level level)
{
	current = level;
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_enabled(enum log_level level)
{
	return level <= current;
}

/* One write per line, so that lines of two threads do not mix. */
__attribute__((format(printf, 3, 0))) static void line(const char *prefix, int error,
						       const char *format, va_list args)
{
	char buf[LINE_MAX_BYTES];
	size_t room = sizeof(buf) - 1; /* for the newline */
	size_t len;
	int n;

	n = snprintf(buf, room, "%s: %s", program, prefix);
	len = n < 0 ? 0 : (size_t)n;
	n = vsnprintf(buf + len, room - len, format, args);
	if (n > 0)
		len += (size_t)n < room - len ? (size_t)n : room - len - 1;
	if (error) {
		n = snprintf(buf + len, room - len, ": %s", strerror(error));
		if (n > 0)
			len += (size_t)n < room - len ? (size_t)n : room - len - 1;
	}
	buf[len++] = '\n';
	/* Nobody to tell if standard error is gone. */
	(void)!write(STDERR_FILENO, buf, len);
}

#define LOG_LINE(level, prefix, error)                     \
	do {                                               \
		int saved_errno = errno;                   \
		va_list args;                              \
		if (log_enabled(level)) {                  \
			va_start(args, format);            \
			line(prefix, error, format, args); \
			va_end(args);                      \
		}                                          \
		errno = saved_errno;                       \
	} while (0)

void log_err(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_ERROR, "error: ", 0);
}

void log_warn(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_WARN, "warning: ", saved_errno);
}

void log_warnx(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_WARN, "warning: ", 0);
}

void log_info(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_INFO, "", 0);
}

void log_debug(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_DEBUG, "debug: ", 0);
}

void log_packet(const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t second;
	static unsigned lines, suppressed;
	struct timespec now;
	unsigned missed = 0;
	bool allowed;

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	pthread_mutex_lock(&lock);
	if (now.tv_sec != second) {
		second = now.tv_sec;
		lines = 0;
		missed = suppressed;
		suppressed = 0;
	}
	allowed = lines < PACKET_LINES_PER_SECOND;
	if (allowed)
		lines++;
	else
		suppressed++;
	pthread_mutex_unlock(&lock);
	if (missed)
		log_info("%u packet messages suppressed", missed);
	if (allowed)
		LOG_LINE(LOG_LEVEL_INFO, "packet: ", 0);
}
