/*
 * ike-lite/payload.h: the inside of each payload type, RFC 7296 §3.3 to §3.15. A parse function checks
 * all lengths first and gives values that borrow from the message; false means malformed
 * (INVALID_SYNTAX), and nothing was written. A put function writes one payload.
 */
#ifndef CYGNET_IKE_PAYLOAD_H
#define CYGNET_IKE_PAYLOAD_H

#include "ike-lite/ike.h"
#include "ike-lite/message.h"

/* ---- security association (payload_sa.c), §3.3 --------------------------------------------- */

struct ike_offer {
	uint8_t number;
	struct ike_span spi; /* 0, 4 or 8 bytes */
	/* Its transforms; those we could never choose are left out: an unknown attribute, §3.3.6, or
	 * beyond IKE_TRANSFORMS_MAX. */
	struct ike_proposal proposal;
	bool unknown_type; /* holds a transform type we do not know: not to be chosen, §3.3.6 */
};

/* Checks the whole payload. */
bool ike_sa_check(struct ike_span body);
/* Takes the next proposal of a checked payload off the front of *body; false when none is left. */
bool ike_sa_next(struct ike_span *body, struct ike_offer *out);
/* Writes proposals, numbered from first_number; spi is the same for all. */
void ike_put_sa(struct ike_writer *w, const struct ike_proposal *proposals, unsigned count,
		uint8_t first_number, struct ike_span spi);

/* ---- small ones (payload.c) ------------------------------------------------------------------ */

struct ike_ke {
	uint16_t group;
	struct ike_span data;
};
bool ike_ke_parse(struct ike_span body, struct ike_ke *out); /* §3.4 */
void ike_put_ke(struct ike_writer *w, uint16_t group, struct ike_span data);

bool ike_nonce_parse(struct ike_span body, struct ike_span *out); /* §3.9: 16 to 256 bytes */
void ike_put_nonce(struct ike_writer *w, struct ike_span nonce);

bool ike_id_payload_parse(struct ike_span body, struct ike_id *out); /* §3.5 */
/* type: IKE_IDI or IKE_IDR */
void ike_put_id(struct ike_writer *w, enum ike_payload_type type, const struct ike_id *id);

struct ike_auth {
	uint8_t method;
	struct ike_span data;
};
bool ike_auth_parse(struct ike_span body, struct ike_auth *out); /* §3.8 */
void ike_put_auth(struct ike_writer *w, enum ike_auth_method method, struct ike_span data);

struct ike_notify {
	uint8_t protocol;
	uint16_t type;
	struct ike_span spi; /* 0, 4 or 8 bytes */
	struct ike_span data;
};
bool ike_notify_parse(struct ike_span body, struct ike_notify *out); /* §3.10 */
void ike_put_notify(struct ike_writer *w, const struct ike_notify *n);
/* The first notify of a type in a chain; false: none. Malformed ones are passed over. */
bool ike_notify_find(const struct ike_payloads *list, uint16_t type, struct ike_notify *out);

struct ike_delete {
	uint8_t protocol;
	uint16_t count;
	struct ike_span spis; /* count * 4 bytes for ESP; none for IKE, which names itself */
};
bool ike_delete_parse(struct ike_span body, struct ike_delete *out); /* §3.11 */
void ike_put_delete_ike(struct ike_writer *w);
void ike_put_delete_esp(struct ike_writer *w, const uint32_t *spis, uint16_t count);

/* ---- traffic selectors (payload_ts.c), §3.13 ------------------------------------------------ */

/* Selectors of a type we do not know are left out, §3.13.1, and those beyond IKE_TS_MAX. An empty range
 * is malformed. */
bool ike_ts_parse(struct ike_span body, struct ike_ts_list *out);
/* type: IKE_TSI or IKE_TSR */
void ike_put_ts(struct ike_writer *w, enum ike_payload_type type, const struct ike_ts_list *list);

#endif
