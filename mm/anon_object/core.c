// SPDX-License-Identifier: GPL-2.0
/*
 * Swap-backed anonymous objects: their life, their size and their state.
 *
 * An object is allocated with the inode that backs it, in shmem or hugetlbfs,
 * so every file of that inode leads to the same object, and it goes when the
 * inode is evicted.  The owner of an object, and of what is in the memory, is
 * whoever created it; the functions here do their own locking.
 */
#include <kunit/visibility.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/task_work.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>
#include <uapi/linux/fcntl.h>

#include "internal.h"

#define CREATE_TRACE_POINTS
#include <trace/events/anon_object.h>

/**
 * DOC: overview
 *
 * A &struct anon_object is memory that has no name in a file system and that
 * goes to swap when memory is short: a System V shared memory segment, a
 * buffer object of a graphics driver.  It is what shmem and hugetlbfs have
 * offered to the rest of the kernel as unlinked files, with the loops around
 * them that every user wrote for itself: to pin the memory, to keep reclaim
 * away from it, to give it back, to write it out.
 *
 * .. code-block:: c
 *
 *	static const struct anon_object_attrs attrs = {
 *		.name = "ring buffer",
 *		.size = SZ_4M,
 *		.huge = ANON_OBJECT_HUGE_WITHIN_SIZE,
 *	};
 *	struct anon_object *obj = anon_object_create(&attrs);
 *	struct sg_table sgt;
 *
 *	if (IS_ERR(obj))
 *		return PTR_ERR(obj);
 *	err = anon_object_pin_sgt(obj, 0, SZ_4M, UINT_MAX, &sgt);
 *	if (err)
 *		goto err_put;
 *	...
 *	anon_object_unpin_sgt(obj, &sgt, ANON_OBJECT_DIRTY);
 *	err_put:
 *	anon_object_put(obj);
 */

/**
 * DOC: lifetime
 *
 * anon_object_create(), anon_object_from_file() and anon_object_get() give a
 * reference, anon_object_put() takes one back; that may be done in any
 * context, for it defers as fput() does.  While there are references, the
 * object holds its inode: what is created has no file and no dentry until
 * somebody needs one, to map it for instance, and the mounts of the kernel's own
 * that it is on are there for good.  When there are none, the inode may live on
 * through a file of user space's, a memfd for instance, and the object with it:
 * anon_object_from_file() finds it again.
 *
 * A pin needs a reference for as long as it lasts.  A view holds one itself.
 */

/**
 * DOC: locking
 *
 * No lock of the object's is to be held by callers.  What the functions take,
 * and what may therefore not be held around them:
 *
 * - anon_object_put(), anon_object_get(), anon_object_from_file(),
 *   anon_object_get_stat(), anon_object_lock(), anon_object_unlock(),
 *   anon_object_size(): spinlocks only.  They may be called under a spinlock;
 *   anon_object_put() from interrupts too.
 * - anon_object_pin_*(), anon_object_vmap(), anon_object_read*(),
 *   anon_object_write*(), anon_object_get_folio(), anon_object_find_folio(),
 *   anon_object_insert(), anon_object_seek_data(), anon_object_prefetch(): the
 *   folio lock, and for hugetlb the fault mutex, i_mmap_rwsem; they allocate, with
 *   reclaim unless they are told how.  Never i_rwsem, so they may be called with
 *   the mmap_lock or a dma_resv held.  A pin waits for a punch that is at work,
 *   which holds i_rwsem by then, and takes neither of these.
 * - anon_object_unpin_*(), anon_object_vunmap(): spinlocks only, but they may
 *   sleep.  They do not allocate, so they may be called from shrinkers.
 * - anon_object_swap_out(): tries the folio lock, takes i_mmap_rwsem.  What it
 *   allocates, it allocates without reclaim and from what is reserved for that;
 *   so it may be called from shrinkers, and by who is asked to help before the
 *   OOM killer comes.
 * - anon_object_truncate_range(), anon_object_purge(): the folio lock,
 *   i_mmap_rwsem, for hugetlb the fault mutex, and i_rwsem to truncate.  They do
 *   not allocate, unless an end of the range cuts what is one large folio in
 *   swap; but for hugetlb, they may be called from shrinkers.
 * - anon_object_punch(): i_rwsem, and what truncation takes; it allocates.
 * - anon_object_create(), anon_object_file(), anon_object_resize(),
 *   anon_object_view(), anon_view_fd(), anon_pages_embed(): these allocate;
 *   resize takes i_rwsem.
 * - anon_object_get_unmapped_area(): is called with the mmap_lock held for
 *   writing, and allocates.
 *
 * Where i_rwsem is taken inside locks of the caller's that no other user of
 * shmem has, anon_object_set_lock_class() tells lockdep.
 *
 * The hooks: &anon_object_ops.shrink is called with what the caller of the pin
 * holds, &anon_object_ops.release with nothing. Of &struct anon_view_ops, open,
 * close and mmap are called with the mmap_lock held, for writing but where a
 * whole address space goes, fault with the mmap_lock held for reading, and
 * vmap, vunmap and release with nothing.
 *
 * Without a fault hook, the backend's own handlers are called as ever: fault
 * may find the VMA's own lock held in place of the mmap_lock, and map_pages is
 * called under RCU, where nothing may sleep.
 */

void anon_object_init(struct anon_object *obj, struct inode *inode,
		      const struct anon_backend *backend)
{
	if (!obj)
		return;
	/* The superblock has it already: pairs with anon_objects_get() */
	guard(spinlock)(&inode->i_lock);
	memset(obj, 0, sizeof(*obj));
	obj->backend = backend;
	obj->inode = inode;
	obj->noswap = mapping_unevictable(inode->i_mapping);
#ifdef CONFIG_DEBUG_FS
	obj->born = ktime_get_boottime_seconds();
	obj->tgid = task_tgid_nr(current);
	strscpy(obj->comm, current->comm);
#endif
	raw_spin_lock_init(&obj->lock);
}

/* The inode is being evicted: no reference is left, nor any pin */
void anon_object_evict(struct anon_object *obj)
{
	if (!obj || !obj->owned)
		return;

	trace_anon_object_destroy(obj);
	WARN_ON_ONCE(atomic_long_read(&obj->pinned));
	if (obj->ops && obj->ops->release)
		obj->ops->release(obj);
	if (obj->ops)
		module_put(obj->ops->owner);
	obj_cgroup_put(obj->objcg);
}

/*
 * An open through /proc makes a plain file of the inode, with no regard for
 * the access mode or the hooks of the view that it went through.
 */
int anon_object_may_open(const struct anon_object *obj)
{
	return obj && READ_ONCE(obj->viewed) ? -EACCES : 0;
}

static unsigned int anon_object_known_flags(const struct anon_object_attrs *attrs)
{
	if (attrs->backend == ANON_OBJECT_PAGES)
		return ANON_PAGES_FLAGS;
	return ANON_OBJECT_NORESERVE | ANON_OBJECT_PRIVATE |
	       ANON_OBJECT_RESIZABLE | ANON_OBJECT_HUGETLB_PERM;
}

/*
 * Where the memory is from, and how hard to try: what else there is belongs to
 * whoever allocates. Not for hugetlb, whose pool has its own idea.
 */
#define ANON_OBJECT_GFP		(GFP_HIGHUSER_MOVABLE | __GFP_DMA |		\
				 __GFP_DMA32 | __GFP_RECLAIMABLE |	\
				 __GFP_NOWARN | __GFP_NORETRY |		\
				 __GFP_RETRY_MAYFAIL)

bool anon_object_gfp_valid(enum anon_object_backend backend, gfp_t gfp)
{
	const gfp_t mobility = __GFP_MOVABLE | __GFP_RECLAIMABLE;
	gfp_t allowed = ANON_OBJECT_GFP;

	if (backend == ANON_OBJECT_HUGETLB)
		allowed = 0;
	else if (backend == ANON_OBJECT_PAGES)
		allowed = (allowed | __GFP_ACCOUNT) & ~__GFP_MOVABLE;
	if (gfp & ~allowed || (gfp & mobility) == mobility)
		return false;
	return !(GFP_ZONE_BAD >> (__force int)(gfp & GFP_ZONEMASK) & 1);
}

/* All the memory of the zones that @gfp allows */
unsigned long anon_object_zone_pages(gfp_t gfp)
{
	enum zone_type highest = gfp_zone(gfp);
	unsigned long nr_pages = 0;
	struct zone *zone;

	for_each_populated_zone(zone)
		if (zone_idx(zone) <= highest)
			nr_pages += zone_managed_pages(zone);
	return nr_pages;
}

int anon_object_check_attrs(const struct anon_object_attrs *attrs)
{
	if (attrs->flags & ~anon_object_known_flags(attrs))
		return -EINVAL;
	if (attrs->size < 0 || attrs->size > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (!attrs->size && !(attrs->flags & ANON_OBJECT_RESIZABLE))
		return -EINVAL;
	if (!attrs->name)
		return -EINVAL;
	if (attrs->huge > ANON_OBJECT_HUGE_ADVISE)
		return -EINVAL;
	if (attrs->huge && attrs->backend == ANON_OBJECT_PAGES)
		return -EINVAL;
	if (!anon_object_gfp_valid(attrs->backend, attrs->gfp))
		return -EINVAL;
	if (attrs->page_shift && (attrs->backend == ANON_OBJECT_SHMEM ||
				  attrs->backend == ANON_OBJECT_PAGES))
		return -EINVAL;
	return 0;
}

struct obj_cgroup *anon_object_get_objcg(void)
{
#ifdef CONFIG_MEMCG
	return get_obj_cgroup_from_current();
#else
	return NULL;
#endif
}

static struct anon_object *
anon_object_create_on(const struct anon_backend *backend,
		      const struct anon_object_attrs *attrs)
{
	struct anon_object *obj;

	if (attrs->ops && !try_module_get(attrs->ops->owner))
		return ERR_PTR(-ENODEV);
	obj = backend->create(attrs);
	if (IS_ERR(obj))
		goto err_module;

	obj->long_named = strscpy(obj->name, attrs->name) < 0;
	if (obj->long_named) {
		obj->long_name = kstrdup_const(attrs->name, GFP_KERNEL_ACCOUNT);
		if (!obj->long_name)
			goto err_inode;
	}
	/* This is by way of a dentry, and shrinking is not to fail for want of it */
	if (attrs->flags & ANON_OBJECT_RESIZABLE &&
	    IS_ERR(anon_object_base(obj)))
		goto err_name;
	/* Each read and each mapping would note when it was */
	obj->inode->i_flags |= S_NOATIME;
	obj->ops = attrs->ops;
	obj->private = attrs->private;
	obj->flags = attrs->flags;
	obj->owned = true;
	obj->objcg = anon_object_get_objcg();
	obj->effort = attrs->gfp & ANON_OBJECT_EFFORT;
	if (attrs->gfp)
		mapping_set_gfp_mask(anon_object_mapping(obj),
				     attrs->gfp & ~ANON_OBJECT_EFFORT);

	/* From now on, debugfs looks at it */
	refcount_set_release(&obj->refs, 1);
	trace_anon_object_create(obj);
	return obj;

err_name:
	if (obj->long_named)
		kfree_const(obj->long_name);
err_inode:
	iput(obj->inode);
	obj = ERR_PTR(-ENOMEM);
err_module:
	if (attrs->ops)
		module_put(attrs->ops->owner);
	return obj;
}

/*
 * With nothing reserved, the pool would promise what it may not have later. What
 * is smaller than a huge page is not worth one, and a pool has no zones.
 */
static struct anon_object *
anon_object_create_auto(const struct anon_object_attrs *attrs)
{
	struct anon_object_attrs tried = *attrs;
	u64 page_size = anon_hugetlb_page_size(attrs->page_shift);
	struct anon_object *obj;

	if (!page_size && attrs->page_shift)
		return ERR_PTR(-EINVAL);
	if (page_size && attrs->size >= page_size &&
	    !(attrs->gfp & (__GFP_DMA | __GFP_DMA32))) {
		tried.flags &= ~ANON_OBJECT_NORESERVE;
		tried.gfp = 0;
		obj = anon_object_create_on(&anon_hugetlb_backend, &tried);
		if (!IS_ERR(obj))
			return obj;
	}

	tried = *attrs;
	if (IS_ENABLED(CONFIG_SHMEM))
		tried.huge = ANON_OBJECT_HUGE_WITHIN_SIZE;
	return anon_object_create_on(&anon_shmem_backend, &tried);
}

/**
 * anon_object_create - make an object
 * @attrs: what it is to be like; not needed once this has returned
 *
 * No folio is allocated yet, but for %ANON_OBJECT_PAGES: what is not volatile
 * is there from the beginning until the last reference is gone. The memory that
 * is later allocated by the kernel for the object, in whatever context, is
 * charged to the memory cgroup that is charged now.
 *
 * Context: May sleep, allocates with GFP_KERNEL. shmem and pages objects can be
 * had from the first initcalls on, hugetlb objects from fs_initcall on.
 * Return: The object, with a reference that anon_object_put() gives back, or
 * an ERR_PTR():
 *
 * * -EINVAL: size 0 without %ANON_OBJECT_RESIZABLE, a negative size or one
 *   above MAX_LFS_FILESIZE; no name; an unknown backend, huge policy, flag or
 *   hugetlb page size; a page size for shmem; page allocator's flags that are
 *   no constraint of zone, mobility or effort, or contradict each other, and
 *   any for hugetlb; what the backend has not
 * * -EOPNOTSUPP: a huge policy that allows large folios, on a kernel without
 *   shmem
 * * -EPERM: hugetlb, and %ANON_OBJECT_HUGETLB_PERM finds no permission
 * * -ENOMEM: no memory, no reservation, or too few pages in the hugetlb pool;
 *   too many files, where there is %ANON_OBJECT_RESIZABLE
 * * -ENOSPC: no inode
 * * -ENODEV, -ENOENT: it is too early during boot, or the owner of the hooks is
 *   being unloaded
 */
struct anon_object *anon_object_create(const struct anon_object_attrs *attrs)
{
	int err;

	err = anon_object_check_attrs(attrs);
	if (err)
		return ERR_PTR(err);

	switch (attrs->backend) {
	case ANON_OBJECT_SHMEM:
		return anon_object_create_on(&anon_shmem_backend, attrs);
	case ANON_OBJECT_HUGETLB:
		return anon_object_create_on(&anon_hugetlb_backend, attrs);
	case ANON_OBJECT_AUTO:
		return anon_object_create_auto(attrs);
	case ANON_OBJECT_PAGES:
		return anon_pages_create(attrs);
	}
	return ERR_PTR(-EINVAL);
}
EXPORT_SYMBOL_GPL(anon_object_create);

/* The object that an inode has, or NULL; the caller keeps the inode */
struct anon_object *anon_object_from_inode(struct inode *inode)
{
	return anon_shmem_from_inode(inode) ?: anon_hugetlb_from_inode(inode);
}

/**
 * anon_object_from_file - find the object of a file
 * @file: a memfd, a view, or any other regular file that the kernel has made on
 *	shmem or hugetlbfs. Those on a mount of user space's have no object, for
 *	no inode there is to be larger than it must be.
 *
 * An object knows nothing about the rights that @file has. Whoever makes a view
 * of it names the file again, as &anon_view_attrs.through.
 *
 * Context: Any, but not from interrupts.
 * Return: The object, with a reference that anon_object_put() gives back, or
 * ERR_PTR(-EINVAL) if @file is none of these.
 */
struct anon_object *anon_object_from_file(struct file *file)
{
	struct anon_object *obj = anon_object_from_inode(file_inode(file));
	unsigned long flags;

	if (!obj)
		return ERR_PTR(-EINVAL);

	raw_spin_lock_irqsave(&obj->lock, flags);
	if (!refcount_inc_not_zero(&obj->refs)) {
		obj->file = get_file(file);
		obj->found = true;
		refcount_set_release(&obj->refs, 1);
	}
	raw_spin_unlock_irqrestore(&obj->lock, flags);
	return obj;
}
EXPORT_SYMBOL_GPL(anon_object_from_file);

/**
 * anon_object_get - take another reference
 * @obj: the object, to which the caller has a reference
 *
 * Context: Any.
 * Return: @obj.
 */
struct anon_object *anon_object_get(struct anon_object *obj)
{
	refcount_inc(&obj->refs);
	return obj;
}
EXPORT_SYMBOL_GPL(anon_object_get);

/* Those that no task of user space's has put */
static LLIST_HEAD(anon_object_unused);

static void anon_object_evict_unused(struct work_struct *unused)
{
	struct llist_node *node = llist_del_all(&anon_object_unused);
	struct anon_object *obj, *next;

	llist_for_each_entry_safe(obj, next, node, unused)
		iput(obj->inode);
}

static DECLARE_WORK(anon_object_evict_work, anon_object_evict_unused);

/* Wait for the objects of which kernel threads have put the last reference */
void anon_object_flush(void)
{
	flush_work(&anon_object_evict_work);
}
EXPORT_SYMBOL_IF_KUNIT(anon_object_flush);

static void anon_object_evict_one(struct callback_head *work)
{
	struct anon_object *obj = container_of(work, struct anon_object, work);

	iput(obj->inode);
}

/* As fput() does it; anon_object_from_file() may find the object meanwhile */
static void anon_object_put_inode(struct anon_object *obj)
{
	if (likely(!in_interrupt() && !(current->flags & PF_KTHREAD))) {
		init_task_work(&obj->work, anon_object_evict_one);
		if (!task_work_add(current, &obj->work, TWA_RESUME))
			return;
		/* It is exiting, and has done its work */
	}
	if (llist_add(&obj->unused, &anon_object_unused))
		schedule_work(&anon_object_evict_work);
}

static noinline void anon_object_put_last(struct anon_object *obj)
{
	const struct anon_object_ops *ops = NULL;
	const char *name = NULL;
	struct file *file = NULL;
	unsigned long flags;
	bool last;

	if (refcount_dec_not_one(&obj->refs))
		return;

	/* Perhaps the last one, unless anon_object_from_file() comes first */
	raw_spin_lock_irqsave(&obj->lock, flags);
	last = refcount_dec_and_test(&obj->refs);
	if (last) {
		swap(file, obj->file);
		if (obj->long_named)
			name = obj->long_name;
		obj->long_named = false;
		/* The inode may outlive the module that the hooks are in */
		if (obj->ops && !obj->ops->release)
			swap(ops, obj->ops);
	}
	raw_spin_unlock_irqrestore(&obj->lock, flags);
	if (!last)
		return;
	if (ops)
		module_put(ops->owner);
	kfree_const(name);
	if (file)
		fput(file);
	else
		anon_object_put_inode(obj);
}

/**
 * anon_object_put - give a reference back
 * @obj: the object, or NULL
 *
 * Context: Any; what may sleep is deferred, as fput() does it.
 */
void anon_object_put(struct anon_object *obj)
{
	if (!obj)
		return;
	if (obj->inode)
		anon_object_put_last(obj);
	else if (refcount_dec_and_test(&obj->refs))
		obj->backend->release(obj);
}
EXPORT_SYMBOL_GPL(anon_object_put);

/* A file of an object that has none; of one that has, there are clones */
struct file *anon_object_make_file(struct anon_object *obj, int flags,
				   const struct file_operations *fops)
{
	struct file *file;

	ihold(obj->inode);
	file = obj->backend->make_file(obj, flags, fops);
	if (IS_ERR(file))
		iput(obj->inode);
	return file;
}

/*
 * The object's own file, without a reference. Once it has been asked for, it
 * keeps the inode in the object's place.
 */
struct file *anon_object_base(struct anon_object *obj)
{
	struct mem_cgroup *memcg, *old;
	struct file *base, *file;

	/* Pairs with cmpxchg() */
	base = smp_load_acquire(&obj->file);
	if (base)
		return base;
	memcg = anon_object_enter_memcg(obj, &old);
	file = anon_object_make_file(obj, O_RDWR, obj->inode->i_fop);
	anon_object_exit_memcg(memcg, old);
	if (IS_ERR(file))
		return file;
	base = cmpxchg(&obj->file, NULL, file);
	if (base) {
		/* Somebody else was faster */
		fput(file);
		return base;
	}
	iput(obj->inode);
	return file;
}

/**
 * anon_object_file - a file of an object
 * @obj: the object, to which the caller has a reference
 *
 * For callers that have created the object, and need a file of the backing file
 * system still. It is open for reading and writing, and made when it is asked
 * for first.
 *
 * Context: May sleep, allocates with GFP_KERNEL.
 * Return: The file, with a reference that fput() gives back, or an ERR_PTR():
 *
 * * -EOPNOTSUPP: there is none: a pages object, or nobody is left who has
 *   created the object, for who has found it since has a file already
 * * -ENOMEM, -ENFILE: no memory, too many files
 */
struct file *anon_object_file(struct anon_object *obj)
{
	struct file *base;

	if (!obj->inode || obj->found)
		return ERR_PTR(-EOPNOTSUPP);
	base = anon_object_base(obj);
	return IS_ERR(base) ? base : get_file(base);
}
EXPORT_SYMBOL_GPL(anon_object_file);

/**
 * anon_object_size - the size of an object
 * @obj: the object
 *
 * Context: Any, but not from interrupts.
 * Return: Bytes.
 */
loff_t anon_object_size(const struct anon_object *obj)
{
	return anon_object_bytes(obj);
}
EXPORT_SYMBOL_GPL(anon_object_size);

/**
 * anon_object_private - the owner's data
 * @obj: the object, to which the caller has a reference
 * @ops: the hooks that the object was created with, which are not NULL
 *
 * Context: Any.
 * Return: &anon_object_attrs.private, or NULL if @obj is not such an object:
 * somebody else has created it, or nobody is left who has and @ops has no
 * release hook, which is to come.
 */
void *anon_object_private(const struct anon_object *obj,
			  const struct anon_object_ops *ops)
{
	return ops && obj->ops == ops ? obj->private : NULL;
}
EXPORT_SYMBOL_GPL(anon_object_private);

/**
 * anon_object_set_ino - choose the inode number that user space sees
 * @obj: the object, which has an inode and has not been given to user space yet
 * @ino: the number
 */
void anon_object_set_ino(struct anon_object *obj, u64 ino)
{
	obj->inode->i_ino = ino;
}
EXPORT_SYMBOL_GPL(anon_object_set_ino);

/**
 * anon_object_ino - the number of an object
 * @obj: the object, which has an inode
 *
 * Context: Any.
 * Return: The inode number, which is also in the object's tracepoints.
 */
u64 anon_object_ino(const struct anon_object *obj)
{
	return obj->inode->i_ino;
}
EXPORT_SYMBOL_GPL(anon_object_ino);

/**
 * anon_object_dev - the device that an object's number is of
 * @obj: the object, which has an inode
 *
 * Context: Any.
 * Return: The device number that fstat() tells of a file of the object.
 */
dev_t anon_object_dev(const struct anon_object *obj)
{
	return obj->inode->i_sb->s_dev;
}
EXPORT_SYMBOL_GPL(anon_object_dev);

/**
 * anon_object_resize - change the size of an object
 * @obj: the object, created with %ANON_OBJECT_RESIZABLE
 * @size: bytes; for hugetlb, a multiple of its page size
 *
 * What is beyond @size is freed, even if it is pinned: the pins then hold
 * folios that are no longer the object's. What growing needs is accounted or
 * reserved as at creation. The owner sees to it that pins and I/O beyond @size
 * do not go on meanwhile.
 *
 * Context: May sleep; takes i_rwsem.
 * Return: 0, or
 *
 * * -EINVAL: @size is negative, above MAX_LFS_FILESIZE, or misaligned
 * * -EPERM: the object is not resizable
 * * -EBUSY: a large folio would be cut in two, and is pinned, or cannot be split
 * * -ENOMEM: too little memory to account for, or in the hugetlb pool
 */
int anon_object_resize(struct anon_object *obj, loff_t size)
{
	int err;

	if (size < 0 || size > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (!(obj->flags & ANON_OBJECT_RESIZABLE))
		return -EPERM;

	inode_lock(obj->inode);
	err = obj->backend->resize(obj, size);
	inode_unlock(obj->inode);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_resize);

/* What the backends' resize comes down to; i_rwsem is held */
int anon_object_resize_inode(struct anon_object *obj, loff_t size)
{
	struct iattr attr = { .ia_valid = ATTR_SIZE, .ia_size = size };
	struct dentry *dentry = file_dentry(obj->file);

	return obj->inode->i_op->setattr(&nop_mnt_idmap, dentry, &attr);
}

/* Is it within the object? What is copied may be any range, even an empty one */
int anon_object_check_bytes(struct anon_object *obj, loff_t pos, size_t len)
{
	loff_t end;

	if (pos < 0 || check_add_overflow(pos, len, &end))
		return -EINVAL;
	return end > anon_object_size(obj) ? -EINVAL : 0;
}

/**
 * anon_object_swap_out - write an object to swap now
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 *
 * User space's mappings of what is swapped out are removed. What is pinned,
 * locked with mlock() or busy is skipped, and so is what waits in another CPU's
 * batches for its list: lru_add_drain_all() before, where that can be waited
 * for, is for who wants all of it out.
 *
 * Context: May sleep. In reclaim and in OOM notifiers too: nothing is allocated
 * with reclaim.
 * Return: The number of pages for which a write to swap was begun, or
 *
 * * -EINVAL: the range is misaligned, empty or not within the object
 * * -EOPNOTSUPP: the backend does not swap
 */
long anon_object_swap_out(struct anon_object *obj, loff_t pos, loff_t len)
{
	long ret;

	ret = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (ret)
		return ret;
	if (!obj->backend->swap_out)
		return -EOPNOTSUPP;

	ret = obj->backend->swap_out(obj, pos >> PAGE_SHIFT,
				     (pos + len) >> PAGE_SHIFT);
	trace_anon_object_swap_out(obj, pos, len, ret);
	return ret;
}
EXPORT_SYMBOL_GPL(anon_object_swap_out);

/**
 * anon_object_prefetch - read an object back from swap
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 *
 * Holes stay holes. What has been read may be swapped out again at once; pin
 * it where that matters.
 *
 * Context: May sleep, allocates.
 * Return: 0, or
 *
 * * -EINVAL: the range is misaligned, empty or not within the object
 * * -EOPNOTSUPP: the backend does not swap
 * * -ENOMEM: no memory; part of the range may have been read
 * * -EINTR: a fatal signal; the same
 * * -EIO: swap could not be read
 */
int anon_object_prefetch(struct anon_object *obj, loff_t pos, loff_t len)
{
	struct mem_cgroup *memcg, *old;
	int err;

	err = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (err)
		return err;
	if (!obj->backend->swap_in)
		return -EOPNOTSUPP;

	memcg = anon_object_enter_memcg(obj, &old);
	err = obj->backend->swap_in(obj, pos >> PAGE_SHIFT,
				    (pos + len) >> PAGE_SHIFT);
	anon_object_exit_memcg(memcg, old);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_prefetch);

/* What is freed is whole pages of the backend's, to the end of the object */
static int anon_object_check_drop(struct anon_object *obj, loff_t pos,
				  loff_t len, u64 *end)
{
	u64 size = anon_object_size(obj);
	struct anon_object_stat stat = {};

	obj->backend->stat(obj, &stat);
	*end = (u64)pos + len;
	if (pos < 0 || len <= 0 || *end != size)
		return anon_object_check_range(obj, pos, len, stat.page_size);
	*end = round_up(size, stat.page_size);
	return IS_ALIGNED(pos, stat.page_size) ? 0 : -EINVAL;
}

/**
 * anon_object_truncate_range - free a range of an object
 * @obj: the object
 * @pos: where to begin, in bytes
 * @len: bytes
 *
 * The size stays, the range reads as zeroes from now on. For the owner of the
 * object: folios that are pinned leave it too, as they are, and are freed when
 * they are unpinned. Both ends have to be multiples of the backend's page size,
 * but for the end of the object.
 *
 * Context: May sleep; does not allocate, but to read a page of what is one large
 * folio in swap, on both sides of an end. For hugetlb, takes i_rwsem.
 * Return: 0, or, with nothing freed,
 *
 * * -EINVAL: the range is misaligned, empty or not within the object
 * * -EBUSY: a large folio lies on both sides of an end of the range, and is
 *   pinned, or cannot be split
 * * -EPERM: the file is on hugetlbfs, and sealed against writing
 * * -EOPNOTSUPP: it is a pages object
 */
int anon_object_truncate_range(struct anon_object *obj, loff_t pos, loff_t len)
{
	u64 end;
	int err;

	if (!obj->backend->drop)
		return -EOPNOTSUPP;
	err = anon_object_check_drop(obj, pos, len, &end);
	if (err)
		return err;

	err = obj->backend->drop(obj, pos >> PAGE_SHIFT, end >> PAGE_SHIFT);
	trace_anon_object_purge(obj, pos, len, err);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_truncate_range);

/**
 * anon_object_purge - free all of an object for good
 * @obj: the object, which is not %ANON_OBJECT_RESIZABLE
 *
 * For the owner of an object whose contents are not needed any more, and whose
 * users have said so. It is empty from now on, and its size 0: touching a
 * mapping raises SIGBUS, reads find the end of the file, pins and fallocate()
 * fail. Folios that are pinned are freed when they are unpinned. What was
 * accounted for the object stays so until it goes away, and fstat() tells the
 * size that it had. Purging it again does nothing.
 *
 * Context: May sleep, does not allocate. For hugetlb, takes i_mmap_rwsem and
 * the fault mutex, so it may not be called from shrinkers.
 * Return: 0, or
 *
 * * -EINVAL: the object may be resized, or is a file of user space's
 * * -EOPNOTSUPP: it is a pages object
 */
int anon_object_purge(struct anon_object *obj)
{
	loff_t size = anon_object_size(obj);
	struct address_space *mapping;
	bool dead;

	if (!obj->owned || (obj->flags & ANON_OBJECT_RESIZABLE))
		return -EINVAL;
	if (!obj->backend->empty)
		return -EOPNOTSUPP;

	mapping = anon_object_mapping(obj);
	xa_lock_irq(&mapping->i_pages);
	dead = anon_object_dead(obj);
	mapping_set_exiting(mapping);
	xa_unlock_irq(&mapping->i_pages);
	if (dead)
		return 0;

	obj->backend->empty(obj);
	trace_anon_object_purge(obj, 0, size, 0);
	return 0;
}
EXPORT_SYMBOL_GPL(anon_object_purge);

void anon_object_wait_punch(struct anon_object *obj)
{
	wait_var_event(&obj->pinned, atomic_long_read(&obj->pinned) >= 0);
}

/* Any range of bytes, as fallocate() has it */
int anon_object_punch_hole(struct anon_object *obj, struct file *file,
			   loff_t pos, loff_t len)
{
	int err;

	if (!obj->backend->punch)
		return -EOPNOTSUPP;

	inode_lock(obj->inode);
	err = -EBUSY;
	if (!atomic_long_cmpxchg(&obj->pinned, 0, ANON_OBJECT_PUNCHING)) {
		err = obj->backend->punch(obj, file, pos, len);
		/* This is the barrier that wake_up_var() needs */
		atomic_long_sub_return(ANON_OBJECT_PUNCHING, &obj->pinned);
		wake_up_var(&obj->pinned);
	}
	inode_unlock(obj->inode);
	trace_anon_object_purge(obj, pos, len, err);
	return err;
}

/**
 * anon_object_punch - free a range of an object that nobody has pinned
 * @obj: the object
 * @pos: where to begin, in bytes
 * @len: bytes
 *
 * As anon_object_truncate_range(), for those who are not the object's owner, or
 * have no aligned range: what is no whole page of the backend's is cleared.
 * Pins that are asked for meanwhile wait.  What udmabuf or iommufd has pinned, by
 * memfd_pin_folios(), is no pin of the object's: it is freed, and theirs for as
 * long as they have it, as it is of any memfd.
 *
 * Context: May sleep; takes i_rwsem. Allocates, to read what is to be cleared
 * from swap.
 * Return: 0, or, with nothing freed,
 *
 * * -EINVAL: the range is empty or not within the object
 * * -EPERM: the file is sealed against writing, or preserved for a live update
 * * -EBUSY: there are pins of the object
 * * -ENOMEM, -EIO: what is to be cleared could not be read from swap, or is
 *   broken
 * * -EOPNOTSUPP: it is a pages object
 */
int anon_object_punch(struct anon_object *obj, loff_t pos, loff_t len)
{
	u64 end = (u64)pos + len, size = anon_object_size(obj);
	struct anon_object_stat stat = {};

	if (!obj->backend->punch)
		return -EOPNOTSUPP;
	obj->backend->stat(obj, &stat);
	if (pos < 0 || len <= 0 || end > round_up(size, stat.page_size))
		return -EINVAL;
	/* The end of the object is that of its last page */
	if (end >= size)
		end = round_up(size, stat.page_size);
	return anon_object_punch_hole(obj, NULL, pos,
				      min(end, MAX_LFS_FILESIZE) - pos);
}
EXPORT_SYMBOL_GPL(anon_object_punch);

/*
 * Reclaim leaves a mapping with this flag alone: what is pinned as a whole it
 * would look at in vain, and what is SHM_LOCKed it may not take.  A pin counts
 * itself before it sets the flag, without the lock, so it is looked for again
 * after the flag has been cleared.
 */
static void anon_object_update_unevictable_locked(struct anon_object *obj)
{
	struct address_space *mapping = anon_object_mapping(obj);

	lockdep_assert_held(&obj->lock);

	if (!obj->locked && !obj->noswap && !atomic_read(&obj->whole)) {
		mapping_clear_unevictable(mapping);
		/* Pairs with the barrier in anon_object_hold() */
		smp_mb__after_atomic();
		if (likely(!atomic_read(&obj->whole)))
			return;
	}
	mapping_set_unevictable(mapping);
}

/* All of the object has been pinned, once more */
void anon_object_hold(struct anon_object *obj)
{
	atomic_inc(&obj->whole);
	/* Pairs with that of anon_object_update_unevictable_locked() */
	smp_mb__after_atomic();
	mapping_set_unevictable(anon_object_mapping(obj));
}

/* Returns whether folios that reclaim found unevictable no longer are */
bool anon_object_release(struct anon_object *obj)
{
	int whole = atomic_dec_return(&obj->whole);

	WARN_ON_ONCE(whole < 0);
	if (whole)
		return false;
	guard(raw_spinlock_irqsave)(&obj->lock);
	anon_object_update_unevictable_locked(obj);
	return !mapping_unevictable(anon_object_mapping(obj));
}

/* No size_t of 32 bits can tell of a size that no address space has room for */
static bool anon_object_count_lock(struct anon_object *obj,
				   struct ucounts *ucounts)
{
	loff_t size = i_size_read(obj->inode);

	return PAGE_ALIGN(size) <= SIZE_MAX && user_shm_lock(size, ucounts);
}

/**
 * anon_object_lock - keep an object from being swapped, for user space
 * @obj: the object
 * @ucounts: whose RLIMIT_MEMLOCK the object's size counts against; to be given
 *	to anon_object_unlock() again
 *
 * This is what SHM_LOCK does; nothing is brought into memory. An object that
 * is locked already stays so, and nothing is counted.
 *
 * Context: Any, but not from interrupts. Callers make sure that an object is
 * not locked or unlocked twice at a time.
 * Return: 0, or
 *
 * * -EINVAL: the object's size may change
 * * -ENOMEM: the limit would be exceeded, or the size is more than a size_t
 * * -EOPNOTSUPP: the backend does not swap
 */
int anon_object_lock(struct anon_object *obj, struct ucounts *ucounts)
{
	if (!obj->backend->set_locked)
		return -EOPNOTSUPP;
	/* What is counted now is what unlocking takes away */
	if (!obj->owned || (obj->flags & ANON_OBJECT_RESIZABLE))
		return -EINVAL;
	if (obj->locked)
		return 0;
	/* Without CONFIG_SHMEM, the lock is but a flag */
	if (IS_ENABLED(CONFIG_SHMEM) && !anon_object_count_lock(obj, ucounts))
		return -ENOMEM;

	guard(raw_spinlock_irqsave)(&obj->lock);
	obj->locked = true;
	obj->backend->set_locked(obj, true);
	anon_object_update_unevictable_locked(obj);
	return 0;
}
EXPORT_SYMBOL_GPL(anon_object_lock);

/**
 * anon_object_unlock - let an object be swapped again
 * @obj: the object
 * @ucounts: as for anon_object_lock(); NULL does nothing
 *
 * anon_object_move_evictable() is to be called when spinlocks have been
 * dropped, unless the object goes away.
 *
 * Context: As for anon_object_lock().
 */
void anon_object_unlock(struct anon_object *obj, struct ucounts *ucounts)
{
	if (!obj->locked || !ucounts)
		return;
	if (IS_ENABLED(CONFIG_SHMEM))
		user_shm_unlock(i_size_read(obj->inode), ucounts);

	guard(raw_spinlock_irqsave)(&obj->lock);
	obj->locked = false;
	obj->backend->set_locked(obj, false);
	anon_object_update_unevictable_locked(obj);
}
EXPORT_SYMBOL_GPL(anon_object_unlock);

/**
 * anon_object_move_evictable - let reclaim find an unlocked object's folios
 * @obj: the object, to which the caller has a reference
 *
 * Does nothing while there are pins: the last unpin will do it.
 *
 * Context: May sleep.
 */
void anon_object_move_evictable(struct anon_object *obj)
{
	if (obj->backend->move_evictable)
		obj->backend->move_evictable(obj);
}
EXPORT_SYMBOL_GPL(anon_object_move_evictable);

/**
 * anon_object_get_stat - what an object holds
 * @obj: the object
 * @stat: gets the answer
 *
 * Context: Any, but not from interrupts.
 */
void anon_object_get_stat(struct anon_object *obj,
			  struct anon_object_stat *stat)
{
	memset(stat, 0, sizeof(*stat));
	obj->backend->stat(obj, stat);
	stat->pinned = (u64)anon_object_pinned(obj) << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(anon_object_get_stat);
