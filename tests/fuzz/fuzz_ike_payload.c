/*
 * tests/fuzz/fuzz_ike_payload.c: what stands in IKE messages, first byte the type of the first payload. Nothing
 * may be read beyond the end, and what is understood must be the same after it was put and parsed again.
 */
#include "ike-lite/cp.h"
#include "ike-lite/proposal.h"
#include "ike-lite/ts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t room[1 << 17];

static void demand(bool ok)
{
	if (!ok)
		abort();
}

/* The one payload that was put, or nothing when a payload cannot be so long. */
static struct ike_span body_of(const struct ike_writer *w)
{
	struct ike_payloads list;

	demand(!w->overflow);
	demand(ike_payloads_parse((struct ike_span){room, w->len}, w->inner_first, &list) == 0);
	demand(list.count == 1);
	return list.at[0].body;
}

static void try_sa(struct ike_span body)
{
	struct ike_proposal ours[2];
	struct ike_choice choice;
	struct ike_offer offer;
	struct ike_suite ike;
	struct esp_suite esp;
	char text[IKE_PROPOSAL_TEXT_MAX];
	bool esn;

	if (!ike_sa_check(body))
		return;
	(void)ike_offers_format(body, text, sizeof(text));
	demand(strlen(text) < sizeof(text));
	for (int esp_too = 0; esp_too < 2; esp_too++) {
		(void)ike_proposal_default(esp_too ? IKE_PROTO_ESP : IKE_PROTO_IKE, ours);
		for (unsigned flags = 0; flags < 2; flags++) {
			if (ike_proposal_confirm(ours, 2, body, flags, &choice) == 0)
				demand(choice.ours < 2);
			if (ike_proposal_choose(ours, 2, body, flags, &choice) != 0)
				continue;
			if (esp_too)
				demand(ike_esp_suite_of(&choice.chosen, &esp, &esn));
			else
				demand(flags || ike_suite_of(&choice.chosen, &ike));
		}
	}
	while (ike_sa_next(&body, &offer)) {
		(void)ike_suite_of(&offer.proposal, &ike);
		(void)ike_esp_suite_of(&offer.proposal, &esp, &esn);
	}
	demand(body.len == 0);
}

static void try_ts(struct ike_span body)
{
	struct ike_ts_list list, again, both;
	struct ike_writer w;

	if (!ike_ts_parse(body, &list))
		return;
	ike_writer_begin_inner(&w, room, sizeof(room));
	ike_put_ts(&w, IKE_TSI, &list);
	demand(ike_ts_parse(body_of(&w), &again));
	demand(ike_ts_list_equal(&list, &again) && again.count == list.count);
	demand(ike_ts_narrow(&list, &again, &both) == (list.count != 0));
	demand(ike_ts_list_within(&both, &list) && ike_ts_list_within(&list, &both));
	for (unsigned i = 0; i < list.count; i++) {
		char text[IKE_TS_TEXT_MAX];
		struct ike_ts ts;

		demand(ike_ts_parse_text(ike_ts_format(&list.at[i], text), &ts));
		demand(ike_ts_equal(&ts, &list.at[i]));
	}
}

static void try_id(struct ike_span body)
{
	struct ike_id id, again;
	struct ike_writer w;
	char text[IKE_ID_TEXT_MAX];

	if (!ike_id_payload_parse(body, &id))
		return;
	ike_writer_begin_inner(&w, room, sizeof(room));
	ike_put_id(&w, IKE_IDI, &id);
	demand(ike_id_payload_parse(body_of(&w), &again));
	demand(id.type == 0 || ike_id_equal(&id, &again));
	(void)ike_id_format(&id, text);
	(void)ike_id_matches(&again, &id);
}

static void try_cp(struct ike_span body)
{
	struct ike_cp cp, again;
	struct ike_writer w;

	if (!ike_cp_parse(body, &cp))
		return;
	ike_writer_begin_inner(&w, room, sizeof(room));
	ike_put_cp(&w, &cp);
	demand(ike_cp_parse(body_of(&w), &again));
	demand(again.count == cp.count && again.type == cp.type);
	for (unsigned i = 0; i < cp.count; i++)
		demand(ip_addr_equal(&cp.addrs[i], &again.addrs[i]));
}

static void try_small(const struct ike_payload *p)
{
	struct ike_ke ke;
	struct ike_span nonce;
	struct ike_auth auth;
	struct ike_notify notify, again;
	struct ike_delete delete;
	struct ike_writer w;

	if (p->type == IKE_KE)
		(void)ike_ke_parse(p->body, &ke);
	else if (p->type == IKE_NONCE)
		(void)ike_nonce_parse(p->body, &nonce);
	else if (p->type == IKE_AUTH_DATA)
		(void)ike_auth_parse(p->body, &auth);
	else if (p->type == IKE_DELETE)
		(void)ike_delete_parse(p->body, &delete);
	if (p->type != IKE_NOTIFY || !ike_notify_parse(p->body, &notify))
		return;
	ike_writer_begin_inner(&w, room, sizeof(room));
	ike_put_notify(&w, &notify);
	demand(ike_notify_parse(body_of(&w), &again));
	demand(again.type == notify.type && again.spi.len == notify.spi.len &&
	       again.data.len == notify.data.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_payloads list;
	struct ike_header h;
	uint8_t *copy;

	if (size == 0 || size > UINT16_MAX)
		return 0;
	copy = malloc(size); /* of exactly this size */
	demand(copy != NULL);
	memcpy(copy, data, size);
	(void)ike_header_parse((struct ike_span){copy, (uint32_t)size}, &h);
	if (ike_payloads_parse((struct ike_span){copy + 1, (uint32_t)size - 1}, copy[0], &list) !=
	    0)
		list.count = 0;
	for (unsigned i = 0; i < list.count; i++) {
		const struct ike_payload *p = &list.at[i];

		if (p->type == IKE_SA)
			try_sa(p->body);
		else if (p->type == IKE_TSI || p->type == IKE_TSR)
			try_ts(p->body);
		else if (p->type == IKE_IDI || p->type == IKE_IDR)
			try_id(p->body);
		else if (p->type == IKE_CP)
			try_cp(p->body);
		else
			try_small(p);
	}
	free(copy);
	return 0;
}
