/*
 * service_names.h: selectors that name their protocol or service, as strongSwan takes them: the machine knows numbers,
 * this host's /etc/protocols and /etc/services the names.
 */
#ifndef CYGNET_IKED_SERVICE_NAMES_H
#define CYGNET_IKED_SERVICE_NAMES_H

#include "ike-lite/ike.h"

/* A selector as text ("10.0.0.0/8[tcp/http]"), with numbers for the names that are known; all else as it was, for
 * ike_ts_parse_text to judge. */
void service_names_to_numbers(const char *text, char buf[static IKE_TS_TEXT_MAX]);

#endif
