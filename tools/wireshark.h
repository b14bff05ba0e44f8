/*
 * wireshark.h: the tables ("UAT") in which Wireshark and tshark look for keys: files of lines of
 * quoted words in one of their configuration folders. Called by verb_keys.c.
 */
#ifndef CYGNET_TOOLS_WIRESHARK_H
#define CYGNET_TOOLS_WIRESHARK_H

#include "xfrm/xfrm.h"

#include <stdio.h>

/* Writes the file name in dir, which is made (0700) if it is not there: a heading, then what rows
 * prints. Mode 0600; it belongs to whom the folder belongs, since Wireshark should not run as root.
 * A table that was not written by this function is left alone. Replaced as a whole, so that nobody
 * reads half of it. 0, or -errno and a sentence in err. */
int wireshark_table_write(const char *dir, const char *name, void (*rows)(FILE *out, void *ctx),
			  void *ctx, struct xfrm_error *err) __attribute__((warn_unused_result));

/* A line of the table esp_sa, or, for a cipher Wireshark 4.0 has no words for, a comment without the
 * key and false. Addresses of an SA in UDP are left open: a NAT may change them. */
bool wireshark_esp_row(FILE *out, const struct sa_config *sa);

#endif
