// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into trinity, so that what it takes for memfds are views as well:
 * of shmem and of hugetlb, to read only and to write, of an object that is
 * volatile and one that has a hook for each fault.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "anon_object_device.h"

#define DEVICE		"/dev/anon_object_test"

/* enum anon_object_backend, ANON_OBJECT_* */
#define SHMEM		0
#define HUGETLB		1
#define RESIZABLE	(1 << 2)

static int new_view(const struct anon_test_create *create,
		    const struct anon_test_view *view)
{
	int dev = open(DEVICE, O_RDWR | O_CLOEXEC), fd;

	if (dev < 0)
		return -1;
	fd = ioctl(dev, ANON_TEST_CREATE, create);
	if (!fd)
		fd = ioctl(dev, ANON_TEST_VIEW, view);
	close(dev);
	return fd;
}

int memfd_create(const char *name, unsigned int flags)
{
	static const struct {
		struct anon_test_create create;
		struct anon_test_view view;
	} kinds[] = {
		{ { .size = 1 << 16, .backend = SHMEM },
		  { .flags = O_RDWR } },
		{ { .size = 3 << 12, .backend = SHMEM },
		  { .flags = O_RDONLY } },
		{ { .size = 4 << 20, .backend = SHMEM },
		  { .flags = O_RDWR, .hooks = ANON_TEST_HOOK_COUNT |
					      ANON_TEST_HOOK_FAULT } },
		{ { .size = 1 << 16, .backend = SHMEM, .flags = RESIZABLE },
		  { .flags = O_RDWR } },
		{ { .size = 4 << 20, .backend = HUGETLB },
		  { .flags = O_RDWR, .hooks = ANON_TEST_HOOK_COUNT } },
		{ { .size = 2 << 20, .backend = HUGETLB },
		  { .flags = O_RDONLY } },
	};
	static unsigned int made;
	unsigned int which = made++ % (sizeof(kinds) / sizeof(kinds[0]) + 1);
	int fd = -1;

	if (which < sizeof(kinds) / sizeof(kinds[0]))
		fd = new_view(&kinds[which].create, &kinds[which].view);
	return fd < 0 ? syscall(SYS_memfd_create, name, flags) : fd;
}
