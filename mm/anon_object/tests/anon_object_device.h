/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What /dev/anon_object_test takes, for the programs that test views.
 *
 * Each open of the device has one object, which it makes or adopts.
 */
#ifndef _ANON_OBJECT_DEVICE_H
#define _ANON_OBJECT_DEVICE_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct anon_test_create {
	__u64 size;		/* bytes */
	__u32 backend;		/* enum anon_object_backend */
	__u32 page_shift;
	__u32 huge;		/* enum anon_object_huge */
	__u32 flags;		/* ANON_OBJECT_* */
};

enum {
	ANON_TEST_HOOK_COUNT	= 1 << 0,	/* open and close */
	ANON_TEST_HOOK_FAULT	= 1 << 1,	/* fault: SIGBUS when purged */
	ANON_TEST_DEVICE_VIEW	= 1 << 2,
};

struct anon_test_view {
	__u32 flags;		/* O_ACCMODE */
	__u32 hooks;		/* ANON_TEST_* */
	__u32 lowest;		/* fd */
	__u32 fd_flags;		/* O_CLOEXEC */
};

enum {
	ANON_TEST_PIN_SGT,
	ANON_TEST_PIN_PAGES,
	ANON_TEST_PIN_VMAP,
	ANON_TEST_PIN_KINDS,
};

struct anon_test_pin {
	__u64 pos;		/* bytes */
	__u64 len;
	__u32 kind;		/* ANON_TEST_PIN_* */
	__u32 max_segment;	/* of an sgt */
};

/* From or to what is pinned, as a device does it */
struct anon_test_copy {
	__u64 pos;		/* in the pin, bytes */
	__u64 len;		/* up to 64 KiB */
	__u64 buf;
};

/* New memory that is given to the object */
struct anon_test_insert {
	__u64 pos;		/* bytes */
	__u64 order;		/* in pages, as a power of two */
	__u64 buf;		/* what is in it */
};

struct anon_test_range {
	__u64 pos;		/* bytes */
	__u64 len;
};

struct anon_test_stat {
	__u64 resident;		/* bytes */
	__u64 swapped;
	__u64 pinned;
	__u64 page_size;
	__u64 opens;		/* of mappings */
	__u64 closes;
	__u64 releases;		/* of views */
};

/* Where a thread is to be stopped; one at a time, whoever asks for it */
struct anon_test_stop {
	char function[56];	/* of the kernel's, where it may sleep */
	__u32 tid;
	__u32 after;		/* when the function returns */
};

#define ANON_TEST_CREATE	_IOW('o', 0, struct anon_test_create)
#define ANON_TEST_ADOPT		_IO('o', 1)	/* the object of an fd */
#define ANON_TEST_VIEW		_IOW('o', 2, struct anon_test_view)
#define ANON_TEST_PIN		_IOW('o', 3, struct anon_test_range)
#define ANON_TEST_UNPIN		_IO('o', 4)
#define ANON_TEST_SWAP_OUT	_IOW('o', 5, struct anon_test_range)
#define ANON_TEST_PREFETCH	_IOW('o', 6, struct anon_test_range)
#define ANON_TEST_PURGE		_IO('o', 7)
#define ANON_TEST_STAT		_IOR('o', 8, struct anon_test_stat)
#define ANON_TEST_EMPTY		_IO('o', 9)	/* for good */
#define ANON_TEST_PIN_AS	_IOW('o', 10, struct anon_test_pin)
#define ANON_TEST_READ_PIN	_IOW('o', 11, struct anon_test_copy)
#define ANON_TEST_WRITE_PIN	_IOW('o', 12, struct anon_test_copy)
#define ANON_TEST_RESIZE	_IOW('o', 13, __u64)
#define ANON_TEST_TRUNCATE	_IOW('o', 14, struct anon_test_range)
#define ANON_TEST_PUNCH		_IOW('o', 15, struct anon_test_range)
#define ANON_TEST_STOP		_IOW('o', 16, struct anon_test_stop)
#define ANON_TEST_STOPPED	_IO('o', 17)	/* -EAGAIN: not yet */
#define ANON_TEST_GO		_IO('o', 18)
#define ANON_TEST_INSERT	_IOW('o', 19, struct anon_test_insert)

#endif /* _ANON_OBJECT_DEVICE_H */
