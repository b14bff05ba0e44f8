/*
 * key_table.h: keys of an IKE SA as a line of Wireshark's ikev2_decryption_table.
 */
#ifndef CYGNET_IKED_KEY_TABLE_H
#define CYGNET_IKED_KEY_TABLE_H

#include "ike-lite/ike.h"

enum { KEY_TABLE_LINE_MAX = 1024 };

/* The line, without its end; empty if Wireshark has no name for the algorithms. Carries keys. */
void key_table_format(const struct ike_key_action *keys, char line[static KEY_TABLE_LINE_MAX]);

#endif
