/*
 * capture_routes.h: the planned routes as they stand in the kernel, for capture.c. Ours are known
 * by their table and protocol, so a new process finds what a dead one left.
 */
#ifndef CYGNET_CAPTURE_ROUTES_H
#define CYGNET_CAPTURE_ROUTES_H

#include "gateway/dataplane/capture/capture_plan.h"

struct rtnl;

struct capture_routes {
	struct rtnl *rtnl; /* borrowed */
	int tun_ifindex;
	struct installed_route {
		struct plan_route route; /* first: sorted by plan_route_compare */
		bool stale;		 /* not as it should be: to another device */
		bool leftover;		 /* of a process before us, in no plan of ours yet */
	} * list;			 /* owned */
	size_t count;
};

/* Reads what is in the kernel. leftover: what is found is another process's; else what was
 * known as such before stays so. 0, -errno. */
int capture_routes_read(struct capture_routes *c, bool leftover);
/* Adds and replaces so that everything in plan stands. Logs what the kernel refuses. */
void capture_routes_add(struct capture_routes *c, const struct plan *plan);
/* Deletes what is not in plan. keep_leftovers: but for guards of a process before us. */
void capture_routes_trim(struct capture_routes *c, const struct plan *plan, bool keep_leftovers);
bool capture_routes_have_leftovers(const struct capture_routes *c);
void capture_routes_fini(struct capture_routes *c);

#endif
