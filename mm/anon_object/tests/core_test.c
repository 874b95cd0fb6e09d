// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests of anonymous objects: their life, their size and their state.
 */
#include <linux/anon_inodes.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/exportfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/hugetlb.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/rcupdate.h>
#include <linux/shmem_fs.h>
#include <linux/user_namespace.h>

#include "test.h"

KUNIT_ARRAY_PARAM_DESC(anon_test_backend, anon_test_backends, desc);

static const struct anon_object_ops anon_test_counting_ops;

static void anon_test_count_release(struct anon_object *obj)
{
	atomic_inc(anon_object_private(obj, &anon_test_counting_ops));
}

static const struct anon_object_ops anon_test_counting_ops = {
	.release = anon_test_count_release,
};

/* What an object's release hook counts in, for as long as the module is */
static atomic_t anon_test_released;

#define ANON_TEST_COUNTED				\
	.ops = &anon_test_counting_ops,			\
	.private = &anon_test_released

static const struct anon_test_bad {
	const char *desc;
	struct anon_object_attrs attrs;
} anon_test_bad[] = {
	{
		.desc = "size-0",
		.attrs = { .name = "kunit" },
	}, {
		.desc = "size-0-hugetlb",
		.attrs = { .name = "kunit", .backend = ANON_OBJECT_HUGETLB },
	}, {
		.desc = "size-0-auto",
		.attrs = { .name = "kunit", .backend = ANON_OBJECT_AUTO },
	}, {
		.desc = "size-negative",
		.attrs = { .name = "kunit", .size = -1 },
	}, {
		.desc = "size-negative-resizable",
		.attrs = { .name = "kunit", .size = -SZ_4K,
			   .flags = ANON_OBJECT_RESIZABLE },
	}, {
		.desc = "size-rounds-up-too-far",
		.attrs = { .name = "kunit", .size = MAX_LFS_FILESIZE,
			   .backend = ANON_OBJECT_HUGETLB,
			   .flags = ANON_OBJECT_NORESERVE },
	}, {
		.desc = "no-name",
		.attrs = { .size = SZ_4K },
	}, {
		.desc = "backend-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .backend = ANON_OBJECT_PAGES + 1 },
	}, {
		.desc = "backend-negative",
		.attrs = { .name = "kunit", .size = SZ_4K, .backend = -1 },
	}, {
		.desc = "flag-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .flags = ANON_OBJECT_HUGETLB_PERM << 1 },
	}, {
		.desc = "flag-highest",
		.attrs = { .name = "kunit", .size = SZ_4K, .flags = BIT(31) },
	}, {
		.desc = "huge-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .huge = ANON_OBJECT_HUGE_ADVISE + 1 },
	}, {
		.desc = "gfp-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .gfp = GFP_KERNEL | ~__GFP_BITS_MASK },
	}, {
		.desc = "page-shift-shmem",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .page_shift = PAGE_SHIFT },
	}, {
		.desc = "page-shift-unknown",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .backend = ANON_OBJECT_HUGETLB, .page_shift = 13 },
	}, {
		.desc = "page-shift-too-large",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .backend = ANON_OBJECT_HUGETLB, .page_shift = 77 },
	}, {
		.desc = "page-shift-unknown-auto",
		.attrs = { .name = "kunit", .size = SZ_4K,
			   .backend = ANON_OBJECT_AUTO, .page_shift = 13 },
	},
};

KUNIT_ARRAY_PARAM_DESC(anon_test_bad, anon_test_bad, desc);

/* Bad attributes are -EINVAL, and there never was an object to release. */
static void anon_object_test_create_rejects(struct kunit *test)
{
	const struct anon_test_bad *bad = test->param_value;
	struct anon_object_attrs attrs = bad->attrs;
	struct anon_object *obj;

	atomic_set(&anon_test_released, 0);
	attrs.ops = &anon_test_counting_ops;
	attrs.private = &anon_test_released;
	obj = anon_object_create(&attrs);
	KUNIT_EXPECT_PTR_EQ(test, obj, ERR_PTR(-EINVAL));
	if (!IS_ERR(obj))
		anon_object_put(obj);
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 0);
}

/* shmem keeps the size to the byte, hugetlb rounds it up to its pages. */
static void anon_object_test_create_size(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, 5000);
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	if (anon_test_is_hugetlb(test)) {
		KUNIT_EXPECT_GT(test, stat.page_size, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, anon_object_size(obj), stat.page_size);
	} else {
		KUNIT_EXPECT_EQ(test, stat.page_size, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, anon_object_size(obj), 5000);
	}
}

/* A new object holds nothing, and does as its file says. */
static void anon_object_test_create_empty(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	struct inode *inode = anon_test_inode(obj);
	struct anon_object_stat stat;

	anon_object_get_stat(obj, &stat);
	KUNIT_EXPECT_EQ(test, stat.resident, 0);
	KUNIT_EXPECT_EQ(test, stat.swapped, 0);
	KUNIT_EXPECT_EQ(test, stat.pinned, 0);
	KUNIT_EXPECT_EQ(test, inode->i_mapping->nrpages, 0);
	KUNIT_EXPECT_EQ(test, inode->i_nlink, 0);
	KUNIT_EXPECT_EQ(test, i_size_read(inode), anon_object_size(obj));
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(inode->i_mapping));
	KUNIT_EXPECT_FALSE(test, IS_PRIVATE(inode));
	KUNIT_EXPECT_NULL(test, anon_object_private(obj,
						    &anon_test_counting_ops));
}

/* ANON_OBJECT_PRIVATE keeps LSMs out. */
static void anon_object_test_create_private(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = 1,
		.backend = param->backend,
		.flags = ANON_OBJECT_PRIVATE | ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;

	if (anon_test_is_hugetlb(test))
		anon_test_hstate(test);
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_TRUE(test, IS_PRIVATE(anon_test_inode(obj)));
}

static bool anon_test_on_hugetlb(struct kunit *test, struct anon_object *obj)
{
	return is_file_hugepages(anon_test_file(test, obj));
}

/* What is smaller than a huge page goes to shmem. */
static void anon_object_test_auto_small(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_16K,
		.backend = ANON_OBJECT_AUTO,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);

	KUNIT_EXPECT_FALSE(test, anon_test_on_hugetlb(test, obj));
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), SZ_16K);
}

static u64 anon_test_huge_size(struct kunit *test)
{
	return PAGE_SIZE << huge_page_order(anon_test_hstate(test));
}

/* The pool is used as long as it lasts, and after that shmem. */
static void anon_object_test_auto_pool(struct kunit *test)
{
	u64 huge_size = anon_test_huge_size(test);
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = anon_test_pool(test, 1) * huge_size,
		.backend = ANON_OBJECT_AUTO,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj;

	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_TRUE(test, anon_test_on_hugetlb(test, obj));
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), attrs.size);

	/* Reserved in spite of the flag, so there is none left */
	attrs.size = huge_size;
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_FALSE(test, anon_test_on_hugetlb(test, obj));
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), huge_size);
}

static struct anon_object *anon_test_counted(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		.backend = param ? param->backend : ANON_OBJECT_SHMEM,
		ANON_TEST_COUNTED,
	};

	if (attrs.backend == ANON_OBJECT_HUGETLB)
		anon_test_pool(test, 1);
	atomic_set(&anon_test_released, 0);
	return anon_test_create(test, &attrs);
}

/* The object goes with the last reference, once, and not before. */
static void anon_object_test_get_put(struct kunit *test)
{
	struct anon_object *obj = anon_test_counted(test);

	KUNIT_EXPECT_PTR_EQ(test, anon_object_get(obj), obj);
	anon_object_put(obj);
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 0);
	KUNIT_EXPECT_PTR_EQ(test,
			    anon_object_private(obj, &anon_test_counting_ops),
			    &anon_test_released);

	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 1);
}

/* Putting no object does nothing. */
static void anon_object_test_put_null(struct kunit *test)
{
	anon_object_put(NULL);
}

/* A file leads to its object, and is a reference of its own kind. */
static void anon_object_test_from_file(struct kunit *test)
{
	struct anon_object *obj = anon_test_counted(test);
	struct file *file = anon_test_file(test, obj);

	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(file), obj);
	anon_object_put(obj);

	/* With no reference the object lives on, as it was */
	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 0);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(file), obj);
	KUNIT_EXPECT_PTR_EQ(test,
			    anon_object_private(obj, &anon_test_counting_ops),
			    &anon_test_released);
	anon_object_put(obj);

	anon_test_fput(test, file);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 1);
}

/* A reference taken from a file outlives the file, and can be pinned. */
/* A file costs as much as the object: there is one where somebody needs it */
static void anon_object_test_file_late(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view;

	anon_test_fill(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	if (!anon_test_is_hugetlb(test)) {
		KUNIT_EXPECT_NULL(test, obj->file);
		KUNIT_EXPECT_TRUE(test, hlist_empty(&obj->inode->i_dentry));
		view = anon_test_rw_view(test, obj);
		KUNIT_EXPECT_NULL(test, obj->file);
		KUNIT_EXPECT_STREQ(test, view->f_path.dentry->d_name.name,
				   "kunit");
	}

	view = anon_test_rw_view(test, obj);
	KUNIT_EXPECT_PTR_EQ(test, view->f_path.dentry,
			    anon_test_rw_view(test, obj)->f_path.dentry);
	KUNIT_EXPECT_PTR_EQ(test, view->f_path.dentry,
			    anon_test_file(test, obj)->f_path.dentry);
}

/* The last put is not through with the inode yet, and somebody finds it again */
static void anon_object_test_put_found(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_test_rw_view(test, obj);
	struct file *file = dentry_open(&view->f_path, O_RDWR, current_cred());

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	anon_test_fput(test, view);
	anon_object_get(obj);
	anon_test_put(test, obj);

	anon_object_put(obj);
	KUNIT_ASSERT_PTR_EQ(test, anon_object_from_file(file), obj);
	__fput_sync(file);
	anon_test_drain();
	anon_test_fill(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	anon_object_put(obj);
	anon_test_drain();
}

static void anon_object_test_from_file_outlives(struct kunit *test)
{
	struct anon_object *obj = anon_test_counted(test);
	struct file *file = anon_test_file(test, obj);

	anon_test_put(test, obj);
	KUNIT_ASSERT_PTR_EQ(test, anon_object_from_file(file), obj);
	anon_test_fput(test, file);
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 0);

	anon_test_fill(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	anon_object_put(obj);
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 1);
}

/* A view leads to the same object. */
static void anon_object_test_from_view(struct kunit *test)
{
	const struct anon_view_attrs attrs = { .flags = O_RDONLY };
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *view = anon_object_view(obj, &attrs);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, view);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(view), obj);
	anon_object_put(obj);
	fput(view);
	anon_test_drain();
}

/* An object that the kernel did not make is found, and has no owner. */
static void anon_object_test_from_plain_file(struct kunit *test)
{
	struct file *file = shmem_file_setup("kunit", SZ_64K, EMPTY_VMA_FLAGS);
	struct anon_object *obj;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	obj = anon_object_from_file(file);
	fput(file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_NULL(test, anon_object_private(obj,
						    &anon_test_counting_ops));
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), SZ_64K);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, SZ_128K), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_purge(obj), -EINVAL);
	anon_test_fill(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	anon_object_put(obj);
	anon_test_drain();
}

static void anon_test_no_shrink(struct anon_object *obj, unsigned long nr_pages)
{
}

/* How often these tests are in use, where that is counted */
static int anon_test_module_refs(void)
{
#if defined(MODULE) && defined(CONFIG_MODULE_UNLOAD)
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

static const struct anon_object_ops anon_test_owned_ops = {
	.owner = THIS_MODULE,
	.shrink = anon_test_no_shrink,
};

/* Hooks that only a reference can reach do not keep their module longer. */
static void anon_object_test_hooks_end(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		.backend = param->backend,
		.ops = &anon_test_owned_ops,
	};
	const int counted = IS_MODULE(CONFIG_ANON_OBJECT_KUNIT_TEST) &&
			    IS_ENABLED(CONFIG_MODULE_UNLOAD);
	int before = anon_test_module_refs();
	struct anon_object *obj;
	struct file *file;

	if (anon_test_is_hugetlb(test))
		anon_test_pool(test, 1);
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_EQ(test, anon_test_module_refs(), before + counted);
	file = anon_test_file(test, obj);
	anon_test_put(test, obj);
	KUNIT_EXPECT_EQ(test, anon_test_module_refs(), before);

	/* The object is still there, and does without them */
	obj = anon_object_from_file(file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	anon_test_fill(test, obj);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, SZ_64K));
	anon_object_put(obj);
	anon_test_fput(test, file);
	KUNIT_EXPECT_EQ(test, anon_test_module_refs(), before);
}

/* An owner's data is for those who created the object, by their hooks. */
static void anon_object_test_private(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		.backend = param->backend,
		.flags = ANON_OBJECT_NORESERVE,
		.ops = &anon_test_owned_ops,
		.private = &anon_test_released,
	};
	struct anon_object *obj;
	struct file *file;

	if (anon_test_is_hugetlb(test))
		anon_test_hstate(test);
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_PTR_EQ(test,
			    anon_object_private(obj, &anon_test_owned_ops),
			    &anon_test_released);
	KUNIT_EXPECT_NULL(test, anon_object_private(obj,
						    &anon_test_counting_ops));
	KUNIT_EXPECT_NULL(test, anon_object_private(obj, NULL));

	/* These hooks end with the last reference, and with them the data */
	file = anon_test_file(test, obj);
	anon_test_put(test, obj);
	obj = anon_object_from_file(file);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	KUNIT_EXPECT_NULL(test,
			  anon_object_private(obj, &anon_test_owned_ops));
	anon_object_put(obj);

	attrs.ops = NULL;
	obj = anon_test_create(test, &attrs);
	KUNIT_EXPECT_NULL(test, anon_object_private(obj, NULL));
}

static const struct file_operations anon_test_no_fops = {
	.owner = THIS_MODULE,
};

/* There is no object behind a file of anything else. */
static void anon_object_test_from_other_file(struct kunit *test)
{
	struct file *file = anon_inode_getfile("kunit", &anon_test_no_fops,
					       NULL, O_RDWR);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(file),
			    ERR_PTR(-EINVAL));
	__fput_sync(file);
}

/* On a mount that is not the kernel's own, inodes have no room for one. */
static void anon_object_test_from_mounted_file(struct kunit *test)
{
	struct file_system_type *type = get_fs_type("tmpfs");
	struct vfsmount *mnt;
	struct file *file;
	u32 word = 0x5a5a5a5a;
	loff_t pos = 0;

	/* It is no module, so there is no reference to give back */
	KUNIT_ASSERT_NOT_NULL(test, type);
	mnt = vfs_kern_mount(type, 0, "tmpfs", NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, mnt);
	file = shmem_file_setup_with_mnt(mnt, "kunit", SZ_64K, EMPTY_VMA_FLAGS);
	if (!IS_ERR(file)) {
		KUNIT_EXPECT_PTR_EQ(test, anon_object_from_file(file),
				    ERR_PTR(-EINVAL));
		KUNIT_EXPECT_EQ(test, kernel_write(file, &word, sizeof(word),
						   &pos), sizeof(word));
		__fput_sync(file);
	}
	mntput(mnt);
	KUNIT_EXPECT_FALSE(test, IS_ERR(file));
}

static void anon_test_put_spinlocked(struct anon_object *obj)
{
	static DEFINE_SPINLOCK(lock);

	guard(spinlock_irqsave)(&lock);
	anon_object_put(obj);
}

struct anon_test_put_timer {
	struct hrtimer timer;
	struct completion done;
	struct anon_object *obj;
};

static enum hrtimer_restart anon_test_put_expired(struct hrtimer *timer)
{
	struct anon_test_put_timer *put =
		container_of(timer, struct anon_test_put_timer, timer);

	anon_object_put(put->obj);
	complete(&put->done);
	return HRTIMER_NORESTART;
}

static void anon_test_put_interrupt(struct anon_object *obj)
{
	struct anon_test_put_timer put = { .obj = obj };

	init_completion(&put.done);
	hrtimer_setup_on_stack(&put.timer, anon_test_put_expired,
			       CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	hrtimer_start(&put.timer, us_to_ktime(50), HRTIMER_MODE_REL_HARD);
	wait_for_completion(&put.done);
	hrtimer_cancel(&put.timer);
	destroy_hrtimer_on_stack(&put.timer);
}

struct anon_test_put_rcu {
	struct rcu_head rcu;
	struct anon_object *obj;
};

static void anon_test_put_called(struct rcu_head *rcu)
{
	struct anon_test_put_rcu *put =
		container_of(rcu, struct anon_test_put_rcu, rcu);

	anon_object_put(put->obj);
}

static void anon_test_put_rcu(struct anon_object *obj)
{
	struct anon_test_put_rcu put = { .obj = obj };

	init_rcu_head_on_stack(&put.rcu);
	call_rcu(&put.rcu, anon_test_put_called);
	rcu_barrier();
	destroy_rcu_head_on_stack(&put.rcu);
}

static const struct anon_test_atomic {
	const char *desc;
	void (*put)(struct anon_object *obj);
} anon_test_atomic[] = {
	{ "spinlock-irqsave", anon_test_put_spinlocked },
	{ "interrupt", anon_test_put_interrupt },
	{ "rcu-callback", anon_test_put_rcu },
};

KUNIT_ARRAY_PARAM_DESC(anon_test_atomic, anon_test_atomic, desc);

/* The last put may come from where nothing may sleep. */
static void anon_object_test_put_atomic(struct kunit *test)
{
	const struct anon_test_atomic *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_64K,
		ANON_TEST_COUNTED,
	};
	struct anon_object *obj;

	atomic_set(&anon_test_released, 0);
	obj = anon_object_create(&attrs);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, obj);
	anon_test_fill(test, obj);
	param->put(obj);
	anon_test_drain();
	KUNIT_EXPECT_EQ(test, atomic_read(&anon_test_released), 1);
}

static struct anon_object *anon_test_resizable(struct kunit *test, loff_t size)
{
	const struct anon_test_backend *param = test->param_value;
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = size,
		.backend = param->backend,
		.flags = ANON_OBJECT_RESIZABLE,
	};

	if (param->backend == ANON_OBJECT_HUGETLB)
		anon_test_pool(test, 2);
	return anon_test_create(test, &attrs);
}

static loff_t anon_test_unit(struct kunit *test)
{
	return anon_test_is_hugetlb(test) ? anon_test_huge_size(test) : SZ_64K;
}

/* Growth adds zeroes, what is shrunk away is gone, 0 is a size like others. */
static void anon_object_test_resize(struct kunit *test)
{
	struct anon_object *obj = anon_test_resizable(test, 0);
	loff_t unit = anon_test_unit(test);

	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 0);
	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, unit), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), unit);
	anon_test_fill(test, obj);

	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, 2 * unit), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, unit));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, unit, unit));
	anon_test_fill(test, obj);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 2 * unit);

	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, unit), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), unit);
	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, 2 * unit), 0);
	KUNIT_EXPECT_TRUE(test, anon_test_holds(test, obj, 0, unit));
	KUNIT_EXPECT_TRUE(test, anon_test_zero(test, obj, unit, unit));

	KUNIT_ASSERT_EQ(test, anon_object_resize(obj, 0), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 0);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* Sizes that cannot be are -EINVAL, and the size stays. */
static void anon_object_test_resize_rejects(struct kunit *test)
{
	struct anon_object *obj = anon_test_resizable(test, 1);
	loff_t size = anon_object_size(obj);

	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, -1), -EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, LLONG_MIN), -EINVAL);
	if (anon_test_is_hugetlb(test))
		KUNIT_EXPECT_EQ(test, anon_object_resize(obj, size + PAGE_SIZE),
				-EINVAL);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
}

/* An object that is not resizable keeps its size. */
static void anon_object_test_resize_fixed(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	loff_t size = anon_object_size(obj);

	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, 2 * size), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_resize(obj, 0), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
}

/* ... for those who have its file too. */
static void anon_object_test_seals(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct file *file = anon_test_file(test, obj);
	loff_t size = anon_object_size(obj);

	KUNIT_EXPECT_EQ(test, vfs_truncate(&file->f_path, 2 * size), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_truncate(&file->f_path, 0), -EPERM);
	KUNIT_EXPECT_EQ(test, vfs_fallocate(file, 0, size, size), -EPERM);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), size);
	KUNIT_EXPECT_EQ(test, anon_test_resident(obj), 0);
}

/* A resizable object has no such seals. */
static void anon_object_test_seals_resizable(struct kunit *test)
{
	struct anon_object *obj = anon_test_resizable(test, 1);
	struct file *file = anon_test_file(test, obj);
	loff_t unit = anon_test_unit(test);

	KUNIT_EXPECT_EQ(test, vfs_truncate(&file->f_path, 2 * unit), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 2 * unit);
	KUNIT_EXPECT_EQ(test, vfs_truncate(&file->f_path, 0), 0);
	KUNIT_EXPECT_EQ(test, anon_object_size(obj), 0);
}

/* The inode number is the one chosen. */
static void anon_object_test_set_ino(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);

	anon_object_set_ino(obj, 4711);
	KUNIT_EXPECT_EQ(test, anon_test_inode(obj)->i_ino, 4711);
}

/*
 * A handle finds what somebody with a file has asked for a handle of, and nothing
 * else, by whatever number.
 */
static void anon_object_test_no_handle(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct inode *inode = anon_test_inode(obj);
	const struct export_operations *ops = inode->i_sb->s_export_op;
	struct dentry *dentry;
	struct fid fid = {};
	int len = 3;

	if (!ops)
		return;
	/* It has a dentry to be found by */
	anon_test_rw_view(test, obj);
	fid.raw[0] = inode->i_generation;
	fid.raw[1] = lower_32_bits(inode->i_ino);
	fid.raw[2] = upper_32_bits((u64)inode->i_ino);
	KUNIT_EXPECT_NULL(test, ops->fh_to_dentry(inode->i_sb, &fid, len, 1));

	KUNIT_EXPECT_EQ(test, ops->encode_fh(inode, fid.raw, &len, NULL), 1);
	dentry = ops->fh_to_dentry(inode->i_sb, &fid, len, 1);
	KUNIT_EXPECT_NOT_NULL(test, dentry);
	dput(dentry);
}

/* Statistics follow what is written and pinned, and need no sleep. */
static void anon_object_test_stat(struct kunit *test)
{
	struct anon_object *obj = anon_test_object(test, SZ_1M);
	struct page **pages = anon_test_pages(test, obj);
	loff_t size = anon_object_size(obj);
	struct anon_object_stat stat;
	static DEFINE_SPINLOCK(lock);

	KUNIT_ASSERT_EQ(test, anon_object_write(obj, size - 1, "x", 1), 0);
	KUNIT_EXPECT_GE(test, anon_test_resident(obj), PAGE_SIZE);
	KUNIT_EXPECT_LE(test, anon_test_resident(obj), size);

	KUNIT_ASSERT_EQ(test, anon_object_pin_pages(obj, 0, size, pages), 0);
	scoped_guard(spinlock_irqsave, &lock)
		anon_object_get_stat(obj, &stat);
	KUNIT_EXPECT_EQ(test, stat.resident, size);
	KUNIT_EXPECT_EQ(test, stat.swapped, 0);
	KUNIT_EXPECT_EQ(test, stat.pinned, size);
	anon_object_unpin_pages(obj, pages, size >> PAGE_SHIFT, 0);
	KUNIT_EXPECT_EQ(test, anon_test_pinned(obj), 0);
}

static long anon_test_memlock(struct ucounts *ucounts)
{
	return get_rlimit_value(ucounts, UCOUNT_RLIMIT_MEMLOCK);
}

/* A lock counts once against its owner's limit, and keeps reclaim away. */
static void anon_object_test_lock(struct kunit *test)
{
	const struct anon_test_backend *param = test->param_value;
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct inode *inode = anon_test_inode(obj);
	struct ucounts *ucounts = current_ucounts();
	long before = anon_test_memlock(ucounts);
	long nr = param->backend == ANON_OBJECT_HUGETLB ? 0 :
		  SZ_64K >> PAGE_SHIFT;
	int err = nr ? 0 : -EOPNOTSUPP;

	KUNIT_EXPECT_EQ(test, anon_object_lock(obj, ucounts), err);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before + nr);
	KUNIT_EXPECT_EQ(test, mapping_unevictable(inode->i_mapping), !!nr);
	KUNIT_EXPECT_EQ(test, anon_object_lock(obj, ucounts), err);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before + nr);

	anon_object_unlock(obj, NULL);
	KUNIT_EXPECT_EQ(test, mapping_unevictable(inode->i_mapping), !!nr);
	anon_object_unlock(obj, ucounts);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before);
	KUNIT_EXPECT_FALSE(test, mapping_unevictable(inode->i_mapping));
	anon_object_unlock(obj, ucounts);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before);
	anon_object_move_evictable(obj);

	/* What is counted is the size, so that has to stay */
	KUNIT_EXPECT_EQ(test, anon_object_lock(anon_test_resizable(test, 0),
					       ucounts),
			nr ? -EINVAL : -EOPNOTSUPP);
}

/* What is locked is counted whole, or not locked at all. */
static void anon_object_test_lock_large(struct kunit *test)
{
	const struct anon_object_attrs attrs = {
		.name = "kunit",
		.size = SZ_4G + SZ_64K,
		.flags = ANON_OBJECT_NORESERVE,
	};
	struct anon_object *obj = anon_test_create(test, &attrs);
	struct ucounts *ucounts = current_ucounts();
	long before = anon_test_memlock(ucounts);
	long nr = attrs.size >> PAGE_SHIFT;
	int err = 0;

	if (!IS_ENABLED(CONFIG_64BIT)) {
		err = -ENOMEM;
		nr = 0;
	}
	KUNIT_EXPECT_EQ(test, anon_object_lock(obj, ucounts), err);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before + nr);
	anon_object_unlock(obj, ucounts);
	KUNIT_EXPECT_EQ(test, anon_test_memlock(ucounts), before);
}

/* Two pins and a lock of one object */
struct anon_test_holders {
	struct anon_object *obj;
	struct address_space *mapping;
	size_t nr;
	struct page **pages[2];
	unsigned int held;
};

#define ANON_TEST_LOCK	2	/* the third holder */

static void anon_test_hold(struct kunit *test, struct anon_test_holders *h,
			   int i)
{
	int err;

	if (i == ANON_TEST_LOCK)
		err = anon_object_lock(h->obj, current_ucounts());
	else
		err = anon_object_pin_pages(h->obj, 0, h->nr << PAGE_SHIFT,
					    h->pages[i]);
	KUNIT_ASSERT_EQ(test, err, 0);
	h->held |= BIT(i);
	KUNIT_EXPECT_TRUE(test, mapping_unevictable(h->mapping));
}

static void anon_test_release_hold(struct kunit *test,
				   struct anon_test_holders *h, int i)
{
	if (i == ANON_TEST_LOCK) {
		anon_object_unlock(h->obj, current_ucounts());
		anon_object_move_evictable(h->obj);
	} else {
		anon_object_unpin_pages(h->obj, h->pages[i], h->nr, 0);
	}
	h->held &= ~BIT(i);
	KUNIT_EXPECT_EQ(test, mapping_unevictable(h->mapping), !!h->held);
}

/* AS_UNEVICTABLE is set while there is any pin or lock, in whatever order. */
static void anon_object_test_unevictable(struct kunit *test)
{
	static const u8 orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct anon_object *obj = anon_test_object(test, SZ_64K);
	struct anon_test_holders h = {
		.obj = obj,
		.mapping = anon_test_inode(obj)->i_mapping,
		.nr = anon_object_size(obj) >> PAGE_SHIFT,
		.pages = {
			anon_test_pages(test, obj),
			anon_test_pages(test, obj),
		},
	};
	int i, j, k, n = anon_test_is_hugetlb(test) ? 2 : 3;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		for (j = 0; j < ARRAY_SIZE(orders); j++) {
			for (k = 0; k < 3; k++)
				if (orders[i][k] < n)
					anon_test_hold(test, &h, orders[i][k]);
			for (k = 0; k < 3; k++)
				if (orders[j][k] < n)
					anon_test_release_hold(test, &h,
							       orders[j][k]);
		}
	}
}

static struct kunit_case anon_object_core_cases[] = {
	KUNIT_CASE_PARAM(anon_object_test_create_rejects,
			 anon_test_bad_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_create_size,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_create_empty,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_create_private,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_auto_small),
	KUNIT_CASE(anon_object_test_auto_pool),
	KUNIT_CASE_PARAM(anon_object_test_get_put,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_put_null),
	KUNIT_CASE_PARAM(anon_object_test_from_file,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_file_late,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_put_found,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_from_file_outlives,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_from_view,
			 anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_from_plain_file),
	KUNIT_CASE(anon_object_test_from_other_file),
	KUNIT_CASE(anon_object_test_from_mounted_file),
	KUNIT_CASE_PARAM(anon_object_test_private,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_hooks_end,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_put_atomic,
			 anon_test_atomic_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_resize,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_resize_rejects,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_resize_fixed,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_seals,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_seals_resizable,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_set_ino,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_no_handle,
			 anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_stat, anon_test_backend_gen_params),
	KUNIT_CASE_PARAM(anon_object_test_lock, anon_test_backend_gen_params),
	KUNIT_CASE(anon_object_test_lock_large),
	KUNIT_CASE_PARAM(anon_object_test_unevictable,
			 anon_test_backend_gen_params),
	{}
};

static struct kunit_suite anon_object_core_suite = {
	.name = "anon_object_core",
	.init = anon_test_init,
	.test_cases = anon_object_core_cases,
};

kunit_test_suite(anon_object_core_suite);
