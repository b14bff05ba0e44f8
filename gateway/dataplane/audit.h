/*
 * audit.h: the audit lines of RFC 4303 §4 and RFC 4301 §4.4.1.1 and §5.2: why a packet stopped,
 * with SPI, outer addresses and sequence number, and with its flow where that is known: before
 * sealing, and after authentication. Counters are the verdicts' own; lines are limited for each
 * verdict by itself, so that what a stranger can provoke does not hide what only a peer can.
 */
#ifndef CYGNET_AUDIT_H
#define CYGNET_AUDIT_H

#include "packet/packet.h"

#include <stddef.h>

enum { AUDIT_LINE_MAX = 384, AUDIT_LINES_PER_SECOND = 5 };

struct audit_event {
	enum verdict verdict;
	const struct ip_addr *src, *dst; /* outer; NULL: not known */
	const uint32_t *spi;		 /* NULL: not known */
	uint64_t seq;			 /* 0: not known */
	const struct ip_view *flow;	 /* inner; NULL: not known, or not authentic */
};

/* One packet thread's. */
struct audit {
	struct audit_budget {
		uint64_t second;
		uint32_t lines, missed;
	} of[V_COUNT];
};

/* Says it, if the verdict has lines left in this second (now, seconds); else counts it, for the next
 * line of this verdict to say. Never a key or a payload. */
void audit_say(struct audit *a, const struct audit_event *e, uint64_t now);
/* The line: always cut to fit. */
void audit_format(const struct audit_event *e, uint32_t missed, char *buf, size_t size);

#endif
