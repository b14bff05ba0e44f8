/* ports_double.h: what ports_double.c counts. */
#ifndef CYGNET_TEST_PORTS_DOUBLE_H
#define CYGNET_TEST_PORTS_DOUBLE_H

extern _Atomic int ports_double_users[65536]; /* by port */
extern _Atomic int ports_double_fails;	      /* 0, or what encap_ports_get returns */
enum { PORTS_DOUBLE_FREE = 4599 };	      /* the port whose IKE can be had */

#endif
