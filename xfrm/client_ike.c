/*
 * xfrm/client_ike.c: a client's way to the IKE datagrams of a port that cygnetd holds. What comes
 * back is a descriptor; what its datagrams look like is in xfrm.h.
 */
#include "xfrm/client.h"

#include <errno.h>
#include <unistd.h>

int xfrm_client_register_ike(struct xfrm_client *client, uint16_t port, int *fd,
			     struct xfrm_error *err)
{
	struct xfrm_message msg = {.type = CYGNET_MSG_IKEREG, .port = port};
	int rc;

	*err = (struct xfrm_error){0};
	if (client->kernel)
		return xfrm_error_set(err, -EOPNOTSUPP, 0,
				      "a kernel gives IKE to whoever holds the port");
	rc = xfrm_client_request(client, &msg, err);
	if (rc == 0 && client->passed < 0)
		rc = xfrm_error_set(err, -EBADMSG, 0, "acknowledged, but no descriptor came");
	if (rc)
		return rc;
	*fd = client->passed;
	client->passed = -1;
	return 0;
}
