// SPDX-License-Identifier: GPL-2.0
/*
 * gem-view DEVICE: a GEM object used as a file, by DRM_IOCTL_GEM_VIEW.
 *
 * See Documentation/userspace-api/gem-views.rst.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

/* High enough that no library minds: many of them look at the low ones only */
#define LOWEST_FD	512

/* Any object that the driver makes will do; a dumb buffer is the same for all */
static __u32 make_object(int dev)
{
	struct drm_mode_create_dumb dumb = {
		.width = 1024,
		.height = 768,
		.bpp = 32,
	};

	if (ioctl(dev, DRM_IOCTL_MODE_CREATE_DUMB, &dumb))
		err(1, "making a dumb buffer");
	return dumb.handle;
}

/* The memory itself, or where that is mapped uncached, what the driver maps */
static int make_view(int dev, __u32 handle)
{
	struct drm_gem_view view = {
		.handle = handle,
		.view = DRM_GEM_VIEW_BACKING,
		.flags = DRM_GEM_VIEW_RDWR | DRM_GEM_VIEW_CLOEXEC |
			 DRM_GEM_VIEW_LOWEST_FD,
		.lowest_fd = LOWEST_FD,
	};
	int ret;

	ret = ioctl(dev, DRM_IOCTL_GEM_VIEW, &view);
	if (ret && errno == EOPNOTSUPP) {
		view.view = DRM_GEM_VIEW_DEVICE;
		ret = ioctl(dev, DRM_IOCTL_GEM_VIEW, &view);
	}
	if (ret)
		err(1, "making a view");
	printf("fd %d is a %s view\n", view.fd,
	       view.view == DRM_GEM_VIEW_BACKING ? "backing" : "device");
	return view.fd;
}

static void show_memory(int fd)
{
	char path[64], line[128];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	if (!info)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), info))
		if (!strncmp(line, "resident:", 9) ||
		    !strncmp(line, "swapped:", 8) ||
		    !strncmp(line, "pinned:", 7))
			printf("\t%s", line);
	fclose(info);
}

int main(int argc, char **argv)
{
	static const char text[] = "written to a file";
	struct drm_get_cap cap = { .capability = DRM_CAP_GEM_VIEW };
	struct drm_gem_close close_handle = {};
	struct stat st;
	int dev, fd;
	char *mem;

	if (argc != 2)
		errx(2, "usage: gem-view /dev/dri/cardN");
	dev = open(argv[1], O_RDWR | O_CLOEXEC);
	if (dev < 0)
		err(1, "%s", argv[1]);
	/* An older kernel does not know of it, which is an error */
	if (ioctl(dev, DRM_IOCTL_GET_CAP, &cap) || !cap.value)
		errx(1, "%s: the driver has no views", argv[1]);

	close_handle.handle = make_object(dev);
	fd = make_view(dev, close_handle.handle);
	/* The file keeps the object: neither handle nor device are needed */
	ioctl(dev, DRM_IOCTL_GEM_CLOSE, &close_handle);
	close(dev);

	if (fstat(fd, &st))
		err(1, "fstat");
	if (pwrite(fd, text, sizeof(text), 4096) != sizeof(text))
		err(1, "writing");
	mem = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		err(1, "mapping");
	printf("%lld bytes; at 4096 is mapped: %s\n", (long long)st.st_size,
	       mem + 4096);
	show_memory(fd);
	munmap(mem, st.st_size);

	/* To swap, please; for a device view, that is up to the driver */
	errno = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (errno)
		err(1, "advising");
	printf("not needed for now\n");
	show_memory(fd);
	close(fd);
	return 0;
}
