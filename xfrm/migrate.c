/*
 * xfrm/migrate.c: MIGRATE, both ways: a policy's template and the SAs that serve it go on between
 * other addresses (RFC 4555 MOBIKE is what managers use it for). Checks are those of the kernel's
 * xfrm_do_migrate and xfrm_migrate_check. Called by xfrm_parse and xfrm_put.
 */
#include "xfrm/message.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static bool family_is_known(unsigned family)
{
	return family == AF_INET || family == AF_INET6;
}

static int get_one(const struct xfrm_input *in, uint32_t offset,
		   const struct xfrm_user_migrate *wire, struct xfrm_migration *out)
{
	if (!family_is_known(wire->old_family) || !family_is_known(wire->new_family))
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_MIGRATE: address families %u and %u", wire->old_family,
				      wire->new_family);
	*out = (struct xfrm_migration){
		.old_src = xfrm_addr_get(wire->old_family, &wire->old_saddr),
		.old_dst = xfrm_addr_get(wire->old_family, &wire->old_daddr),
		.new_src = xfrm_addr_get(wire->new_family, &wire->new_saddr),
		.new_dst = xfrm_addr_get(wire->new_family, &wire->new_daddr),
		.reqid = wire->reqid,
		.proto = wire->proto,
		.mode = wire->mode,
	};
	if (ip_addr_is_any(&out->new_src) || ip_addr_is_any(&out->new_dst))
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_MIGRATE: an SA cannot move to no address");
	return 0;
}

static bool from_the_same(const struct xfrm_migration *a, const struct xfrm_migration *b)
{
	return ip_addr_equal(&a->old_src, &b->old_src) && ip_addr_equal(&a->old_dst, &b->old_dst) &&
	       a->proto == b->proto && a->mode == b->mode && a->reqid == b->reqid;
}

static int get_migrations(const struct xfrm_input *in, struct xfrm_migrate *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_MIGRATE];
	uint32_t offset = xfrm_attr_offset(in, attr);
	struct xfrm_user_migrate wire;
	size_t count;
	int rc;

	if (!attr) /* what a manager sends that asks whether there is MIGRATE */
		return xfrm_error_set(in->err, -EINVAL, 0, "MIGRATE needs XFRMA_MIGRATE");
	count = xfrm_attr_len(attr) / sizeof(wire);
	if (!in->request && count > 1)
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_MIGRATE: an event has one move in each");
	if (count == 0 || count > XFRM_MIGRATIONS_MAX)
		return xfrm_error_set(in->err, -EINVAL, offset,
				      "XFRMA_MIGRATE: %zu bytes are not one to %d moves",
				      xfrm_attr_len(attr), XFRM_MIGRATIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		memcpy(&wire, (const uint8_t *)xfrm_attr_data(attr) + i * sizeof(wire),
		       sizeof(wire));
		rc = get_one(in, offset, &wire, &out->moves[i]);
		if (rc)
			return rc;
		for (size_t j = 0; j < i; j++) {
			if (from_the_same(&out->moves[i], &out->moves[j]))
				return xfrm_error_set(in->err, -EINVAL, offset,
						      "XFRMA_MIGRATE: one move is there twice");
		}
	}
	out->count = (uint32_t)count;
	return 0;
}

static void get_kmaddress(const struct xfrm_input *in, struct xfrm_migrate *out)
{
	const struct nlattr *attr = in->attrs.at[XFRMA_KMADDRESS];
	struct xfrm_user_kmaddress wire;

	if (!attr)
		return;
	memcpy(&wire, xfrm_attr_data(attr), sizeof(wire));
	out->km_local = xfrm_addr_get(wire.family, &wire.local);
	out->km_remote = xfrm_addr_get(wire.family, &wire.remote);
}

int xfrm_parse_migrate(const struct xfrm_input *in, struct xfrm_message *out)
{
	int rc = xfrm_parse_policy_key(in, &out->policy.config);

	if (rc == 0)
		rc = get_migrations(in, &out->migrate);
	if (rc == 0)
		rc = xfrm_encap_get(in, out->migrate.moves[0].new_src.family, &out->migrate.encap);
	get_kmaddress(in, &out->migrate);
	return rc;
}

static void put_one(const struct xfrm_migration *move, struct xfrm_user_migrate *wire)
{
	memset(wire, 0, sizeof(*wire));
	xfrm_addr_put(&wire->old_daddr, &move->old_dst);
	xfrm_addr_put(&wire->old_saddr, &move->old_src);
	xfrm_addr_put(&wire->new_daddr, &move->new_dst);
	xfrm_addr_put(&wire->new_saddr, &move->new_src);
	wire->proto = move->proto;
	wire->mode = move->mode;
	wire->reqid = move->reqid;
	wire->old_family = move->old_dst.family;
	wire->new_family = move->new_dst.family;
}

/* A request has its moves in one attribute, the kernel's event each in its own; of those that are
 * there several times the last counts for whoever parses it here. */
void xfrm_put_migrate(struct xfrm_output *o, const struct xfrm_message *msg, bool request)
{
	const struct xfrm_migrate *migrate = &msg->migrate;
	struct xfrm_user_migrate wire[XFRM_MIGRATIONS_MAX];
	struct xfrm_user_kmaddress km;

	xfrm_put_policy_key(o, &msg->policy.config);
	if (migrate->km_local.family != AF_UNSPEC) {
		memset(&km, 0, sizeof(km));
		xfrm_addr_put(&km.local, &migrate->km_local);
		xfrm_addr_put(&km.remote, &migrate->km_remote);
		km.family = migrate->km_local.family;
		xfrm_attr_put(o, XFRMA_KMADDRESS, &km, sizeof(km));
	}
	xfrm_encap_put(o, &migrate->encap);
	if (!request)
		xfrm_policy_type_put(o);
	for (uint32_t i = 0; i < migrate->count; i++) {
		put_one(&migrate->moves[i], &wire[i]);
		if (!request)
			xfrm_attr_put(o, XFRMA_MIGRATE, &wire[i], sizeof(wire[i]));
	}
	if (request)
		xfrm_attr_put(o, XFRMA_MIGRATE, wire, migrate->count * sizeof(wire[0]));
}
