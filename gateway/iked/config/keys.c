/*
 * keys.c: the one table of the configuration's keys. The names are swanctl.conf's; those under
 * "cygnet" are strongswan.conf's, and rekey_preflight is our own.
 */
#include "gateway/iked/config/keys.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define CONN(field)   offsetof(struct ike_connection, field)
#define CHILD(field)  offsetof(struct ike_child_config, field)
#define CONFIG(field) offsetof(struct ike_config, field)

#define SECTION(place, name, below)                                         \
	{                                                                   \
		place, name, KEY_SECTION, false, below, NULL, 0, NULL, NULL \
	}
#define SECTIONS(place, name, below)                                       \
	{                                                                  \
		place, name, KEY_SECTION, true, below, NULL, 0, NULL, NULL \
	}
#define TAKEN(place, name, take, field)                                               \
	{                                                                             \
		place, name, KEY_TAKEN, false, PLACE_NOWHERE, take, field, NULL, NULL \
	}
#define QUIET(place, name)                                                        \
	{                                                                         \
		place, name, KEY_QUIET, false, PLACE_NOWHERE, NULL, 0, NULL, NULL \
	}
#define WARNED(place, name, fine, why)                                            \
	{                                                                         \
		place, name, KEY_WARNED, false, PLACE_NOWHERE, NULL, 0, fine, why \
	}
#define WARNEDS(place, name, why)                                                \
	{                                                                        \
		place, name, KEY_WARNED, true, PLACE_NOWHERE, NULL, 0, NULL, why \
	}
#define REFUSED(place, name, fine, why)                                            \
	{                                                                          \
		place, name, KEY_REFUSED, false, PLACE_NOWHERE, NULL, 0, fine, why \
	}

#define NO_CERTIFICATES "there are no certificates here, only pre-shared keys"
#define NO_MARKS	"SAs and policies made by IKE get no marks here"
#define NO_INTERFACES	"there are no XFRM interfaces here"
#define NO		"no,false,0,disabled"
#define YES		"yes,true,1,enabled"

static const struct config_key keys[] = {
	SECTION(PLACE_ROOT, "connections", PLACE_CONNECTIONS),
	SECTION(PLACE_ROOT, "secrets", PLACE_SECRETS),
	SECTION(PLACE_ROOT, "pools", PLACE_POOLS),
	SECTION(PLACE_ROOT, "cygnet", PLACE_CYGNET),
	WARNED(PLACE_ROOT, "authorities", NULL, NO_CERTIFICATES),

	TAKEN(PLACE_CYGNET, "port", take_port, CONFIG(port)),
	TAKEN(PLACE_CYGNET, "port_nat_t", take_port, CONFIG(encap_port)),
	TAKEN(PLACE_CYGNET, "retransmit_timeout", take_time_ms, CONFIG(retransmit_timeout_ms)),
	TAKEN(PLACE_CYGNET, "retransmit_base", take_percent, CONFIG(retransmit_base_percent)),
	TAKEN(PLACE_CYGNET, "retransmit_tries", take_u32, CONFIG(retransmit_tries)),
	TAKEN(PLACE_CYGNET, "keep_alive", take_time_u32, CONFIG(keepalive_s)),
	TAKEN(PLACE_CYGNET, "half_open_timeout", take_time_u32, CONFIG(half_open_timeout_s)),
	TAKEN(PLACE_CYGNET, "cookie_threshold", take_u32, CONFIG(cookie_threshold)),
	TAKEN(PLACE_CYGNET, "init_limit_half_open", take_u32, CONFIG(half_open_max)),
	TAKEN(PLACE_CYGNET, "fragment_size", take_fragment_size, CONFIG(fragment_size)),

	SECTION(PLACE_CONNECTIONS, "*", PLACE_CONNECTION),
	TAKEN(PLACE_CONNECTION, "local_addrs", take_local_addrs, 0),
	TAKEN(PLACE_CONNECTION, "remote_addrs", take_remote_addrs, 0),
	TAKEN(PLACE_CONNECTION, "local_port", take_port, CONN(local_port)),
	TAKEN(PLACE_CONNECTION, "remote_port", take_port, CONN(remote_port)),
	TAKEN(PLACE_CONNECTION, "proposals", take_ike_proposals, 0),
	TAKEN(PLACE_CONNECTION, "vips", take_vips, 0),
	TAKEN(PLACE_CONNECTION, "pools", take_pools, 0),
	TAKEN(PLACE_CONNECTION, "encap", take_bool, CONN(encap)),
	TAKEN(PLACE_CONNECTION, "dpd_delay", take_time_u32, CONN(dpd_delay_s)),
	TAKEN(PLACE_CONNECTION, "fragmentation", take_fragmentation, CONN(fragmentation)),
	TAKEN(PLACE_CONNECTION, "ppk_id", take_id, CONN(ppk_id)),
	TAKEN(PLACE_CONNECTION, "ppk_required", take_bool, CONN(ppk_required)),
	TAKEN(PLACE_CONNECTION, "keyingtries", take_keyingtries, CONN(keyingtries)),
	TAKEN(PLACE_CONNECTION, "unique", take_unique, CONN(initial_contact)),
	TAKEN(PLACE_CONNECTION, "rekey_time", take_time, CONN(rekey_time_s)),
	TAKEN(PLACE_CONNECTION, "over_time", take_time, CONN(over_time_s)),
	TAKEN(PLACE_CONNECTION, "rand_time", take_time, CONN(rand_time_s)),
	REFUSED(PLACE_CONNECTION, "version", "0,2", "IKEv1 is not spoken here: version = 2"),
	QUIET(PLACE_CONNECTION, "aggressive"),
	QUIET(PLACE_CONNECTION, "pull"),
	QUIET(PLACE_CONNECTION, "dpd_timeout"),
	QUIET(PLACE_CONNECTION, "send_certreq"),
	QUIET(PLACE_CONNECTION, "send_cert"),
	WARNED(PLACE_CONNECTION, "dscp", "000000", "IKE packets are not marked"),
	WARNED(PLACE_CONNECTION, "mobike", NO, "MOBIKE is not spoken: mobike = no says so"),
	WARNED(PLACE_CONNECTION, "childless", "allow,never",
	       "IKE SAs without a child are not made"),
	WARNED(PLACE_CONNECTION, "reauth_time", "0,0s,0m,0h,0d",
	       "with pre-shared keys a rekey does what it would do"),
	REFUSED(PLACE_CONNECTION, "if_id_in", "0,0x0", NO_INTERFACES),
	REFUSED(PLACE_CONNECTION, "if_id_out", "0,0x0", NO_INTERFACES),
	REFUSED(PLACE_CONNECTION, "mediation", NO, "there is no mediation here"),
	REFUSED(PLACE_CONNECTION, "mediated_by", "", "there is no mediation here"),
	REFUSED(PLACE_CONNECTION, "mediation_peer", "", "there is no mediation here"),
	SECTIONS(PLACE_CONNECTION, "local", PLACE_LOCAL),
	SECTIONS(PLACE_CONNECTION, "remote", PLACE_REMOTE),
	SECTION(PLACE_CONNECTION, "children", PLACE_CHILDREN),

	TAKEN(PLACE_LOCAL, "id", take_id, CONN(local_id)),
	TAKEN(PLACE_LOCAL, "auth", take_auth_local, 0),
	QUIET(PLACE_LOCAL, "round"),
	WARNEDS(PLACE_LOCAL, "cert", NO_CERTIFICATES),
	WARNED(PLACE_LOCAL, "pubkeys", "", NO_CERTIFICATES),
	WARNED(PLACE_LOCAL, "eap_id", "", "there is no EAP here"),
	WARNED(PLACE_LOCAL, "aaa_id", "", "there is no EAP here"),
	WARNED(PLACE_LOCAL, "xauth_id", "", "there is no XAuth here"),

	TAKEN(PLACE_REMOTE, "id", take_id, CONN(remote_id)),
	TAKEN(PLACE_REMOTE, "auth", take_auth_remote, 0),
	QUIET(PLACE_REMOTE, "round"),
	QUIET(PLACE_REMOTE, "revocation"),
	WARNEDS(PLACE_REMOTE, "cert", NO_CERTIFICATES),
	WARNEDS(PLACE_REMOTE, "cacert", NO_CERTIFICATES),
	WARNED(PLACE_REMOTE, "ca_id", "", NO_CERTIFICATES),
	WARNED(PLACE_REMOTE, "pubkeys", "", NO_CERTIFICATES),
	WARNED(PLACE_REMOTE, "eap_id", "", "there is no EAP here"),
	REFUSED(PLACE_REMOTE, "groups", "", NO_CERTIFICATES),
	REFUSED(PLACE_REMOTE, "cert_policy", "", NO_CERTIFICATES),

	SECTION(PLACE_CHILDREN, "*", PLACE_CHILD),
	TAKEN(PLACE_CHILD, "esp_proposals", take_esp_proposals, 0),
	TAKEN(PLACE_CHILD, "local_ts", take_local_ts, 0),
	TAKEN(PLACE_CHILD, "remote_ts", take_remote_ts, 0),
	TAKEN(PLACE_CHILD, "rekey_time", take_time, CHILD(rekey_time_s)),
	TAKEN(PLACE_CHILD, "life_time", take_time, CHILD(life_time_s)),
	TAKEN(PLACE_CHILD, "rand_time", take_time, CHILD(rand_time_s)),
	TAKEN(PLACE_CHILD, "rekey_bytes", take_amount, CHILD(rekey_bytes)),
	TAKEN(PLACE_CHILD, "life_bytes", take_amount, CHILD(life_bytes)),
	TAKEN(PLACE_CHILD, "rand_bytes", take_amount, CHILD(rand_bytes)),
	TAKEN(PLACE_CHILD, "rekey_packets", take_amount, CHILD(rekey_packets)),
	TAKEN(PLACE_CHILD, "life_packets", take_amount, CHILD(life_packets)),
	TAKEN(PLACE_CHILD, "rand_packets", take_amount, CHILD(rand_packets)),
	TAKEN(PLACE_CHILD, "start_action", take_start, CHILD(start_action)),
	TAKEN(PLACE_CHILD, "dpd_action", take_start, CHILD(dpd_action)),
	TAKEN(PLACE_CHILD, "close_action", take_start, CHILD(close_action)),
	TAKEN(PLACE_CHILD, "reqid", take_u32, CHILD(reqid)),
	TAKEN(PLACE_CHILD, "replay_window", take_window, CHILD(replay_window)),
	TAKEN(PLACE_CHILD, "tfc_padding", take_tfc, CHILD(tfc_padding)),
	TAKEN(PLACE_CHILD, "priority", take_u32, CHILD(priority)),
	TAKEN(PLACE_CHILD, "policies", take_not_bool, CHILD(no_policies)),
	TAKEN(PLACE_CHILD, "copy_df", take_not_bool, CHILD(clear_df)),
	TAKEN(PLACE_CHILD, "copy_ecn", take_not_bool, CHILD(no_ecn)),
	TAKEN(PLACE_CHILD, "copy_dscp", take_dscp, 0),
	TAKEN(PLACE_CHILD, "rekey_preflight", take_bool, CHILD(rekey_preflight)),
	REFUSED(PLACE_CHILD, "mode", "tunnel", "only tunnels are made: mode = tunnel"),
	REFUSED(PLACE_CHILD, "ah_proposals", "", "AH is not spoken here"),
	REFUSED(PLACE_CHILD, "sha256_96", NO, "truncation to 96 bits is no standard's"),
	WARNED(PLACE_CHILD, "ipcomp", NO, "nothing is compressed"),
	WARNED(PLACE_CHILD, "inactivity", "0,0s,0m,0h,0d", "idle children are kept"),
	WARNED(PLACE_CHILD, "updown", "", "no script is called"),
	WARNED(PLACE_CHILD, "hostaccess", NO, "it speaks to the updown script only"),
	WARNED(PLACE_CHILD, "policies_fwd_out", NO, "cygnetd has no use for them"),
	WARNED(PLACE_CHILD, "hw_offload", "no,auto", "there is no offload"),
	REFUSED(PLACE_CHILD, "interface", "", "policies are not bound to a device here"),
	REFUSED(PLACE_CHILD, "mark_in", "0,0/0x00000000,0x0", NO_MARKS),
	REFUSED(PLACE_CHILD, "mark_in_sa", NO, NO_MARKS),
	REFUSED(PLACE_CHILD, "mark_out", "0,0/0x00000000,0x0", NO_MARKS),
	REFUSED(PLACE_CHILD, "set_mark_in", "0,0/0x00000000,0x0", NO_MARKS),
	REFUSED(PLACE_CHILD, "set_mark_out", "0,0/0x00000000,0x0", NO_MARKS),
	REFUSED(PLACE_CHILD, "if_id_in", "0,0x0", NO_INTERFACES),
	REFUSED(PLACE_CHILD, "if_id_out", "0,0x0", NO_INTERFACES),
	REFUSED(PLACE_CHILD, "label", "", "there are no security labels here"),
	QUIET(PLACE_CHILD, "label_mode"),

	SECTIONS(PLACE_SECRETS, "ike", PLACE_SECRET),
	SECTIONS(PLACE_SECRETS, "ppk", PLACE_SECRET),
	WARNEDS(PLACE_SECRETS, "eap", "there is no EAP here"),
	WARNEDS(PLACE_SECRETS, "xauth", "there is no XAuth here"),
	WARNEDS(PLACE_SECRETS, "ntlm", "there is no EAP here"),
	WARNEDS(PLACE_SECRETS, "private", NO_CERTIFICATES),
	WARNEDS(PLACE_SECRETS, "rsa", NO_CERTIFICATES),
	WARNEDS(PLACE_SECRETS, "ecdsa", NO_CERTIFICATES),
	WARNEDS(PLACE_SECRETS, "pkcs8", NO_CERTIFICATES),
	WARNEDS(PLACE_SECRETS, "pkcs12", NO_CERTIFICATES),
	WARNEDS(PLACE_SECRETS, "token", NO_CERTIFICATES),
	TAKEN(PLACE_SECRET, "secret", take_secret, 0),
	{PLACE_SECRET, "id", KEY_TAKEN, true, PLACE_NOWHERE, take_secret_id, 0, NULL, NULL},

	SECTION(PLACE_POOLS, "*", PLACE_POOL),
	TAKEN(PLACE_POOL, "addrs", take_pool_addrs, 0),
	WARNED(PLACE_POOL, "dns", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "nbns", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "dhcp", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "netmask", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "server", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "subnet", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "split_include", "", "only addresses are handed out"),
	WARNED(PLACE_POOL, "split_exclude", "", "only addresses are handed out"),
};

const struct config_key *config_keys(unsigned *count)
{
	*count = sizeof(keys) / sizeof(keys[0]);
	return keys;
}

const struct config_key *config_key_lookup(enum config_place place, const char *name)
{
	const struct config_key *prefix = NULL;

	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct config_key *k = &keys[i];

		if (k->place != place)
			continue;
		if (!strcmp(k->name, name) || !strcmp(k->name, "*"))
			return k;
		/* The longest one: "pkcs12" is not "pkcs1" with a suffix. */
		if (k->suffixed && !strncmp(k->name, name, strlen(k->name)) &&
		    (!prefix || strlen(prefix->name) < strlen(k->name)))
			prefix = k;
	}
	return prefix;
}

bool config_value_in(const char *value, const char *list)
{
	size_t len = strlen(value);

	if (!list)
		return false;
	if (!len)
		return true;
	for (const char *at = list;; at++) {
		size_t span = strcspn(at, ",");

		if (span == len && !strncasecmp(at, value, len))
			return true;
		at += span;
		if (!*at)
			return false;
	}
}
