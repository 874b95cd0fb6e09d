// SPDX-License-Identifier: GPL-2.0
/*
 * samples/drm/gem-view, the manual's program: on each driver that has views, it
 * says what the manual says that it does.
 */
#include "harness.h"

#include <libgen.h>

#include "drm_guest.h"

#define SIZE	(1024 * 768 * 4)

FIXTURE(gem_view)
{
	char node[64];
	int objects;
};

FIXTURE_VARIANT(gem_view)
{
	struct drm_kind kind;
	const char *view;
	bool pinned;	/* for the device, for as long as it lives */
};

/* What it maps write-combined has no backing view */
FIXTURE_VARIANT_ADD(gem_view, vgem)
{
	.kind = { .driver = VGEM },
	.view = "device",
};

FIXTURE_VARIANT_ADD(gem_view, vgem_cached)
{
	.kind = { .driver = VGEM, .cached = true },
	.view = "backing",
};

FIXTURE_VARIANT_ADD(gem_view, vkms)
{
	.kind = { .driver = VKMS },
	.view = "backing",
};

FIXTURE_VARIANT_ADD(gem_view, virtio_gpu)
{
	.kind = { .driver = VIRTIO_GPU },
	.view = "backing",
	.pinned = true,
};

FIXTURE_SETUP(gem_view)
{
	int dev = drm_open(variant->kind.driver);

	if (dev < 0)
		SKIP(return, "no %s", variant->kind.driver);
	ASSERT_EQ(0, drm_path(dev, self->node, sizeof(self->node)));
	close(dev);
	ASSERT_EQ(0, drm_set_kind(&variant->kind));
	self->objects = drm_objects();
}

FIXTURE_TEARDOWN(gem_view)
{
	EXPECT_TRUE(drm_objects_settle(self->objects));
	drm_reset_kind(&variant->kind);
}

/* Run it, beside this program; its exit status, and what it said */
static int run(const char *node, char *said, size_t len)
{
	int out[2], status;
	char path[256];
	ssize_t n;
	pid_t pid;

	n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	if (n < 0 || pipe(out))
		return -1;
	path[n] = '\0';
	strcat(dirname(path), "/gem-view");
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		execl(path, "gem-view", node, NULL);
		_exit(127);
	}
	close(out[1]);
	while (len > 1 && (n = read(out[0], said, len - 1)) > 0) {
		said += n;
		len -= n;
	}
	*said = '\0';
	close(out[0]);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(gem_view, says_what_it_does)
{
	char said[1024] = "", want[64], *end;

	EXPECT_EQ(0, run(self->node, said, sizeof(said)));
	TH_LOG("%s", said);
	snprintf(want, sizeof(want), "fd 512 is a %s view\n", variant->view);
	EXPECT_NE(NULL, strstr(said, want));
	snprintf(want, sizeof(want), "%d bytes; at 4096 is mapped: written to a file\n",
		 SIZE);
	EXPECT_NE(NULL, strstr(said, want));
	EXPECT_NE(NULL, strstr(said, "\tswapped:\t0\n"));
	end = strstr(said, "not needed for now\n");
	ASSERT_NE(NULL, end);
	EXPECT_EQ(strcmp(variant->view, "backing") || variant->pinned,
		  !!strstr(end, "\tswapped:\t0\n"));
}

TEST_F(gem_view, says_what_is_wrong)
{
	char said[1024] = "";

	EXPECT_EQ(1, run("/dev/null", said, sizeof(said)));
	EXPECT_EQ(0, strcmp(said, "gem-view: /dev/null: the driver has no views\n"))
		TH_LOG("%s", said);
}

TEST_HARNESS_MAIN
