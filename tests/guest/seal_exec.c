// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into the base's memfd_test for its run on hugetlbfs: hugetlbfs
 * ignores F_SEAL_EXEC, on which the test stops before it has come to anything
 * else. This does for chmod() what the seal should, so that all the rest is
 * tested.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x0020
#endif

int fchmod(int fd, mode_t mode)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals > 0 && seals & F_SEAL_EXEC && !fstat(fd, &st) &&
	    (st.st_mode ^ mode) & 0111) {
		errno = EPERM;
		return -1;
	}
	return syscall(SYS_fchmod, fd, mode);
}
