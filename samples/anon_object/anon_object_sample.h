/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * What /dev/anon_object_sample takes.
 *
 * A buffer is a file descriptor. Reading, writing and mapping it is up to the
 * kernel; what only its driver can do are these ioctls, on the device.
 */
#ifndef _ANON_OBJECT_SAMPLE_H
#define _ANON_OBJECT_SAMPLE_H

#include <linux/ioctl.h>
#include <linux/types.h>

struct anon_sample_range {
	__u64 pos;		/* in the buffer, in bytes: whole pages */
	__u64 len;
	__s32 fd;		/* the buffer */
	__u32 pad;		/* 0 */
};

/* Make a buffer of so many bytes; returns its file descriptor */
#define ANON_SAMPLE_CREATE	_IOW('a', 0x40, __u64)
/* Have the device invert all bits of a range */
#define ANON_SAMPLE_RUN		_IOW('a', 0x41, struct anon_sample_range)
/* The buffer is idle: swap it out. EBUSY while it is mapped */
#define ANON_SAMPLE_IDLE	_IOW('a', 0x42, __s32)
/* The buffer is not needed any more, whoever has it: free its memory */
#define ANON_SAMPLE_DISCARD	_IOW('a', 0x43, __s32)

#endif
