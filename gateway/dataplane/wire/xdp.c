/*
 * xdp.c: see xdp.h. The kernel's side of the rings is Documentation/networking/af_xdp.rst. In copy mode the kernel
 * reads the ring only inside our own sendto, and gives a frame back through the completion ring once
 * the device has let go of it.
 */
#include "gateway/dataplane/wire/xdp.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FRAMES = 256, /* a power of two: two batches under way and two in the device */
	KICKS = 16,   /* the kernel takes 32 frames a call */
	SEND_BUFFER = 4 << 20
};

/* One ring in shared memory; each side owns one index. */
struct ring {
	_Atomic uint32_t *producer, *consumer;
	void *entries;
	void *map; /* owned */
	size_t map_len;
};

struct xdp_port {
	int fd;		 /* owned */
	uint8_t *frames; /* owned */
	struct ring tx, done;
	atomic_bool broken; /* the packet thread writes */
	/* The packet thread's alone. */
	uint32_t produced; /* of tx: what the kernel is shown at the next flush */
	uint32_t shown;
	unsigned free_count;
	uint64_t free[FRAMES]; /* addresses of frames nobody uses */
};

static int set_option(int fd, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, SOL_XDP, option, value, len) < 0 ? -errno : 0;
}

/* Frames and rings, before the rings are mapped. A fill ring must be there, though nothing comes in. */
static int register_memory(struct xdp_port *p)
{
	const struct xdp_umem_reg memory = {.addr = (uintptr_t)p->frames,
					    .len = (uint64_t)FRAMES * XDP_FRAME_MAX,
					    .chunk_size = XDP_FRAME_MAX};
	const int frames = FRAMES, few = 2;
	int rc = set_option(p->fd, XDP_UMEM_REG, &memory, sizeof(memory));

	if (rc == 0)
		rc = set_option(p->fd, XDP_UMEM_FILL_RING, &few, sizeof(few));
	if (rc == 0)
		rc = set_option(p->fd, XDP_UMEM_COMPLETION_RING, &frames, sizeof(frames));
	if (rc == 0)
		rc = set_option(p->fd, XDP_TX_RING, &frames, sizeof(frames));
	return rc;
}

static int map_ring(struct xdp_port *p, struct ring *ring, const struct xdp_ring_offset *at,
		    size_t entry_size, uint64_t offset)
{
	uint8_t *map;

	ring->map_len = at->desc + FRAMES * entry_size;
	map = mmap(NULL, ring->map_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, p->fd,
		   (off_t)offset);
	if (map == MAP_FAILED)
		return -errno;
	ring->map = map;
	ring->producer = (_Atomic uint32_t *)(void *)(map + at->producer);
	ring->consumer = (_Atomic uint32_t *)(void *)(map + at->consumer);
	ring->entries = map + at->desc;
	return 0;
}

static int map_rings(struct xdp_port *p)
{
	struct xdp_mmap_offsets at;
	socklen_t len = sizeof(at);
	int rc;

	if (getsockopt(p->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &len) < 0)
		return -errno;
	if (len != sizeof(at))
		return -EPROTO;
	rc = map_ring(p, &p->tx, &at.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	if (rc == 0)
		rc = map_ring(p, &p->done, &at.cr, sizeof(uint64_t),
			      XDP_UMEM_PGOFF_COMPLETION_RING);
	return rc;
}

static int open_socket(struct xdp_port *p, int ifindex, uint32_t mark)
{
	const struct sockaddr_xdp where = {
		.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY, .sxdp_ifindex = (uint32_t)ifindex};
	const int buffer = SEND_BUFFER;
	int rc;

	p->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		return -errno;
	rc = register_memory(p);
	if (rc == 0)
		rc = map_rings(p);
	if (rc == 0 && setsockopt(p->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		rc = -errno;
	/* Best effort, as for the other sockets. */
	(void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (rc == 0 && bind(p->fd, (const struct sockaddr *)&where, sizeof(where)) < 0)
		rc = -errno;
	return rc;
}

int xdp_open(struct xdp_port **out, int ifindex, uint32_t mark)
{
	struct xdp_port *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->fd = -1;
	p->frames = mmap(NULL, (size_t)FRAMES * XDP_FRAME_MAX, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->frames == MAP_FAILED)
		p->frames = NULL;
	rc = p->frames ? open_socket(p, ifindex, mark) : -ENOMEM;
	if (rc < 0) {
		xdp_close(p);
		return rc;
	}
	for (unsigned i = 0; i < FRAMES; i++)
		p->free[p->free_count++] = (uint64_t)i * XDP_FRAME_MAX;
	*out = p;
	return 0;
}

void xdp_close(void *port)
{
	struct xdp_port *p = port;

	if (p->fd >= 0)
		close(p->fd);
	if (p->tx.map)
		munmap(p->tx.map, p->tx.map_len);
	if (p->done.map)
		munmap(p->done.map, p->done.map_len);
	if (p->frames)
		munmap(p->frames, (size_t)FRAMES * XDP_FRAME_MAX);
	free(p);
}

/* Takes back the frames that are done. */
static void reap(struct xdp_port *p)
{
	const uint64_t *entries = p->done.entries;
	uint32_t end = atomic_load_explicit(p->done.producer, memory_order_acquire);
	uint32_t at = atomic_load_explicit(p->done.consumer, memory_order_relaxed);

	while (at != end && p->free_count < FRAMES)
		p->free[p->free_count++] = entries[at++ % FRAMES];
	atomic_store_explicit(p->done.consumer, at, memory_order_release);
}

uint8_t *xdp_room(struct xdp_port *p)
{
	if (xdp_is_broken(p))
		return NULL;
	if (p->free_count == 0)
		reap(p);
	return p->free_count ? p->frames + p->free[p->free_count - 1] : NULL;
}

void xdp_put(struct xdp_port *p, uint32_t len)
{
	struct xdp_desc *entries = p->tx.entries;

	/* As many entries as frames: where a frame is free, so is an entry. */
	assert(p->free_count && len <= XDP_FRAME_MAX);
	entries[p->produced++ % FRAMES] =
		(struct xdp_desc){.addr = p->free[--p->free_count], .len = len};
}

static bool all_taken(const struct xdp_port *p)
{
	return atomic_load_explicit(p->tx.consumer, memory_order_acquire) == p->produced;
}

void xdp_flush(struct xdp_port *p, uint64_t verdicts[static V_COUNT])
{
	const uint32_t put = p->produced - p->shown;
	unsigned kicks = 0, dropped = 0;
	int error = 0;

	/* With nothing put there may still be frames that the device left the last time: if they filled the
	 * ring, nothing could ever be put again. */
	if (xdp_is_broken(p) || (put == 0 && all_taken(p)))
		return;
	p->shown = p->produced;
	atomic_store_explicit(p->tx.producer, p->produced, memory_order_release);
	/* A device whose queue is full leaves frames in the ring: they go with the next flush. */
	while (!all_taken(p) && kicks++ < KICKS && error == 0) {
		if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) == 0 || errno == EAGAIN ||
		    errno == ENOBUFS || errno == EINTR)
			continue;
		if (errno == EBUSY)
			dropped++;
		else
			error = errno;
	}
	reap(p);
	if (error) {
		atomic_store_explicit(&p->broken, true, memory_order_relaxed);
		verdicts[V_WIRE_REFUSED] += put;
		return;
	}
	if (dropped > put)
		dropped = put;
	verdicts[V_WIRE_QUEUE] += dropped;
	verdicts[V_OK] += put - dropped;
}

bool xdp_is_broken(const struct xdp_port *p)
{
	return atomic_load_explicit(&p->broken, memory_order_relaxed);
}
