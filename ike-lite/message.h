/*
 * ike-lite/message.h: IKEv2 messages as bytes, RFC 7296 §3: headers and the chain of payloads, read
 * and written. Nothing here decides anything.
 *
 * Reading is done in two steps: ike_payloads_parse walks the whole chain and checks each length against the
 * minimum, what is left and what it states itself; then one function a payload type (payload_*.c)
 * checks the inside of that type and gives values that point into the message. A payload type we do
 * not know is skipped, or named if it is critical (§2.5).
 *
 *     | SPIi 8 | SPIr 8 | next 1 | version 1 | exchange 1 | flags 1 | id 4 | length 4 |
 *     | next 1 | critical 1 | length 2 | content ... | ...
 */
#ifndef CYGNET_IKE_MESSAGE_H
#define CYGNET_IKE_MESSAGE_H

#include "ike-lite/spec.h"
#include "packet/packet.h"

/* A run of bytes in somebody else's buffer. */
struct ike_span {
	const uint8_t *data; /* borrowed */
	uint32_t len;
};

struct ike_header {
	uint64_t spi_i, spi_r; /* as numbers, most significant byte first on the wire */
	uint8_t next;	       /* type of the first payload */
	uint8_t version, exchange, flags;
	uint32_t id, length;
};

/* The header of a datagram, RFC 7296 §3.1. False if it is shorter than a header or the length in it
 * is not the datagram's. Says nothing about the version: §2.5 answers a higher one. */
bool ike_header_parse(struct ike_span datagram, struct ike_header *out);

/* ---- the chain of payloads (message.c) ---------------------------------------------------- */

enum { IKE_PAYLOADS_MAX = 64 }; /* more in one message is refused: nobody needs them */

struct ike_payload {
	uint8_t type;
	bool critical;
	struct ike_span body; /* without the generic header */
};

struct ike_payloads {
	struct ike_payload at[IKE_PAYLOADS_MAX];
	unsigned count;
	uint8_t inner_first;	  /* of SK and SKF, which end the chain: type of the first inside */
	uint8_t unknown_critical; /* the first critical payload of a type unknown to us, or 0 */
};

/* Walks a chain that starts with a payload of type first and must fill body. 0; -EBADMSG: malformed;
 * -E2BIG: more payloads than IKE_PAYLOADS_MAX. *out is written only on success and borrows from body. */
int ike_payloads_parse(struct ike_span body, uint8_t first, struct ike_payloads *out);
/* The first payload of a type, or NULL. */
const struct ike_payload *ike_payloads_find(const struct ike_payloads *list, uint8_t type);
/* How many of a type. */
unsigned ike_payloads_count(const struct ike_payloads *list, uint8_t type);

/* ---- writing (writer.c) -------------------------------------------------------------------- */

/* Writes a message from front to back. When the room ends it stops writing and stays overflown: one
 * look at the end is enough. */
struct ike_writer {
	uint8_t *buf; /* borrowed */
	uint32_t len, room;
	uint32_t next;	     /* where the type of the next payload goes, or IKE_INNER_FIRST */
	uint8_t inner_first; /* without a header: the type of the first payload */
	bool overflow;
};
#define IKE_INNER_FIRST UINT32_MAX

/* Begins a message: the header with length and first payload left open. */
void ike_writer_begin(struct ike_writer *w, uint8_t *buf, uint32_t room,
		      const struct ike_header *header);
/* Begins a chain without a header: what goes inside SK. */
void ike_writer_begin_inner(struct ike_writer *w, uint8_t *buf, uint32_t room);
/* Ends a message: writes its length. Its length, or 0 if it did not fit. */
uint32_t ike_writer_end(struct ike_writer *w);

/* Begins a payload; what is put until ike_payload_end belongs to it. Returns where it starts. */
uint32_t ike_payload_begin(struct ike_writer *w, enum ike_payload_type type);
void ike_payload_end(struct ike_writer *w, uint32_t start);

void ike_put_u8(struct ike_writer *w, uint8_t value);
void ike_put_u16(struct ike_writer *w, uint16_t value);
void ike_put_u32(struct ike_writer *w, uint32_t value);
void ike_put_u64(struct ike_writer *w, uint64_t value);
void ike_put_bytes(struct ike_writer *w, const void *data, uint32_t len);
/* Room for len bytes that are filled in later, zero until then; NULL when there is none. */
uint8_t *ike_put_gap(struct ike_writer *w, uint32_t len);

#endif
