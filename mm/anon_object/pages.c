// SPDX-License-Identifier: GPL-2.0
/*
 * The pages backend: memory straight from the page allocator, for the kernel's
 * own use.
 *
 * There is no inode, so nobody but the owner can find the object, and no
 * folio, so nothing of it is ever on an LRU list, in swap or in a page table of
 * user space's.  What there is costs what alloc_pages() does: the blocks are
 * linked through their first pages, the largest first, and need no other
 * record.
 */
#include <linux/gfp.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "internal.h"

#include <trace/events/anon_object.h>

/* A large block is welcome, but not worth much trouble */
#define ANON_PAGES_QUIET	(__GFP_NORETRY | __GFP_NOWARN)

static DEFINE_PER_CPU(long, anon_pages_objects);
static DEFINE_PER_CPU(long, anon_pages_resident);

static struct anon_pages *anon_to_pages(const struct anon_object *obj)
{
	return container_of(obj, struct anon_pages, obj);
}

static unsigned long anon_pages_count(const struct anon_pages *pages)
{
	return DIV_ROUND_UP((u64)pages->obj.size, PAGE_SIZE);
}

static void anon_pages_free_blocks(struct llist_node *blocks)
{
	struct page *page, *next;
	long freed = 0;

	llist_for_each_entry_safe(page, next, blocks, pcp_llist) {
		unsigned int order = page_private(page);

		set_page_private(page, 0);
		__free_pages(page, order);
		freed += 1L << order;
	}
	this_cpu_sub(anon_pages_resident, freed);
}

/* Blocks for all of the object, the largest that are to be had first, or NULL */
static struct llist_node *anon_pages_alloc_blocks(struct anon_pages *pages,
						  unsigned int max_order)
{
	unsigned long left = anon_pages_count(pages);
	struct llist_node *blocks = NULL, **end = &blocks;
	struct mem_cgroup *memcg, *old;

	if (anon_object_too_large(pages->gfp, left))
		return NULL;

	memcg = anon_object_enter_memcg(&pages->obj, &old);
	while (left) {
		unsigned int order = min_t(unsigned int, ilog2(left),
					   max_order);
		gfp_t gfp = pages->gfp;
		struct page *page;

		if (order)
			gfp = (gfp & ~__GFP_RETRY_MAYFAIL) | ANON_PAGES_QUIET;
		page = alloc_pages(gfp, order);
		if (page) {
			set_page_private(page, order);
			*end = &page->pcp_llist;
			end = &page->pcp_llist.next;
			this_cpu_add(anon_pages_resident, 1L << order);
			left -= 1UL << order;
		} else if (order) {
			/* Nor would later ones of that size be found */
			max_order = order - 1;
		} else {
			break;
		}
	}
	*end = NULL;
	anon_object_exit_memcg(memcg, old);

	if (left) {
		anon_pages_free_blocks(blocks);
		return NULL;
	}
	return blocks;
}

/* Without an inode, nobody comes from interrupts: the lock need not be irq-safe */
static void anon_pages_unpin(struct anon_object *obj, unsigned long nr_pages)
{
	struct anon_pages *pages = anon_to_pages(obj);
	struct llist_node *blocks;

	scoped_guard(raw_spinlock, &obj->lock) {
		anon_object_put_pin(obj, nr_pages);
		if (anon_object_pinned(obj) ||
		    !(obj->flags & ANON_OBJECT_VOLATILE))
			return;
		blocks = pages->blocks;
		WRITE_ONCE(pages->blocks, NULL);
	}
	anon_pages_free_blocks(blocks);
}

/*
 * Have memory, and count a pin of it, which it stays for. On failure the pin is
 * counted all the same. *@only tells whether there is no other.
 */
static int anon_pages_get_pin(struct anon_pages *pages, unsigned long nr_pages,
			      unsigned int max_order, bool *only)
{
	struct anon_object *obj = &pages->obj;
	struct llist_node *blocks = NULL;
	bool found, there;

again:
	found = READ_ONCE(pages->blocks);
	if (!found)
		blocks = anon_pages_alloc_blocks(pages, max_order);
	scoped_guard(raw_spinlock, &obj->lock) {
		*only = !anon_object_pinned(obj);
		anon_object_get_pin(obj, nr_pages);
		if (!pages->blocks) {
			WRITE_ONCE(pages->blocks, blocks);
			blocks = NULL;
		}
		there = pages->blocks;
	}
	/* Another may have been faster */
	if (unlikely(blocks))
		anon_pages_free_blocks(blocks);
	if (likely(there))
		return 0;
	if (!found)
		return -ENOMEM;
	/* Another's last unpin has freed what was found */
	anon_pages_unpin(obj, nr_pages);
	goto again;
}

/*
 * Mostly an object is one block, and its only user pins all of it: a page
 * table's page, say. Such a pin's table is the object's own. It stays that
 * pin's, for all others find a pin.
 */
static bool anon_pages_record_block(struct anon_pages *pages,
				    unsigned long nr_pages,
				    struct anon_pin *pin)
{
	struct page *page = llist_entry(pages->blocks, struct page, pcp_llist);
	unsigned int order = page_private(page);

	if (nr_pages != 1UL << order || order > pin->max_order)
		return false;
	memset(&pages->entry, 0, sizeof(pages->entry));
	sg_init_marker(&pages->entry, 1);
	sg_set_page(&pages->entry, page, PAGE_SIZE << order, 0);
	pin->sgt->sgl = &pages->entry;
	pin->sgt->nents = 1;
	pin->sgt->orig_nents = 1;
	return true;
}

static int anon_pages_pin(struct anon_object *obj, pgoff_t index, pgoff_t end,
			  struct anon_pin *pin)
{
	struct anon_pages *pages = anon_to_pages(obj);
	pgoff_t first = 0, next;
	struct page *page;
	bool only;
	int err;

	err = anon_pages_get_pin(pages, end - index, pin->max_order, &only);
	if (err)
		return err;
	if (only && !index && pin->sgt &&
	    anon_pages_record_block(pages, end, pin))
		return 0;

	llist_for_each_entry(page, pages->blocks, pcp_llist) {
		next = first + (1UL << page_private(page));
		if (index < next) {
			next = min(next, end);
			err = pin->add(pin, page + (index - first),
				       next - index);
			if (err || next == end)
				return err;
			index = next;
		}
		first = next;
	}
	return 0;
}

static void anon_pages_stat(const struct anon_object *obj,
			    struct anon_object_stat *stat)
{
	struct anon_pages *pages = anon_to_pages(obj);

	stat->page_size = PAGE_SIZE;
	if (READ_ONCE(pages->blocks))
		stat->resident = (u64)anon_pages_count(pages) << PAGE_SHIFT;
}

static void anon_pages_release(struct anon_object *obj)
{
	struct anon_pages *pages = anon_to_pages(obj);
	const struct anon_object_ops *ops = obj->ops;

	trace_anon_object_destroy(obj);
	WARN_ON_ONCE(atomic_long_read(&obj->pinned));
	anon_pages_free_blocks(pages->blocks);
	obj_cgroup_put(obj->objcg);
	this_cpu_dec(anon_pages_objects);

	if (pages->embedded)
		return;
	if (ops && ops->release)
		ops->release(obj);
	if (ops)
		module_put(ops->owner);
	kfree(pages);
}

const struct anon_backend anon_pages_backend = {
	.name		= "pages",
	.release	= anon_pages_release,
	.pin		= anon_pages_pin,
	.unpin		= anon_pages_unpin,
	.stat		= anon_pages_stat,
};

/* Of attributes that have been checked */
static int anon_pages_init(struct anon_pages *pages, loff_t size, gfp_t gfp,
			   unsigned int flags)
{
	struct anon_object *obj = &pages->obj;

	*obj = (struct anon_object) {
		.backend = &anon_pages_backend,
		.refs = REFCOUNT_INIT(1),
		.size = size,
		.flags = flags,
		.owned = true,
	};
	raw_spin_lock_init(&obj->lock);
	pages->blocks = NULL;
	pages->gfp = gfp ?: GFP_KERNEL;
	pages->embedded = false;
	if (!(flags & ANON_OBJECT_UNCLEARED))
		pages->gfp |= __GFP_ZERO;
	if (gfp & __GFP_ACCOUNT)
		obj->objcg = anon_object_get_objcg();

	if (!(flags & ANON_OBJECT_VOLATILE)) {
		pages->blocks = anon_pages_alloc_blocks(pages, MAX_PAGE_ORDER);
		if (!pages->blocks) {
			obj_cgroup_put(obj->objcg);
			return -ENOMEM;
		}
	}
	this_cpu_inc(anon_pages_objects);
	trace_anon_object_create(obj);
	return 0;
}

struct anon_object *anon_pages_create(const struct anon_object_attrs *attrs)
{
	struct anon_pages *pages;
	int err;

	if (attrs->ops && !try_module_get(attrs->ops->owner))
		return ERR_PTR(-ENODEV);
	err = -ENOMEM;
	pages = kmalloc_obj(*pages);
	if (!pages)
		goto err_module;
	err = anon_pages_init(pages, attrs->size, attrs->gfp, attrs->flags);
	if (err)
		goto err_free;
	pages->obj.ops = attrs->ops;
	pages->obj.private = attrs->private;
	return &pages->obj;

err_free:
	kfree(pages);
err_module:
	if (attrs->ops)
		module_put(attrs->ops->owner);
	return ERR_PTR(err);
}

/**
 * anon_pages_embed - make an object of the pages backend in the owner's memory
 * @pages: where to make it; its &anon_pages.obj is the object
 * @size: bytes
 * @gfp: the page allocator's flags for the object's memory, as in &struct
 *	anon_object_attrs; 0 for GFP_KERNEL
 * @flags: %ANON_OBJECT_VOLATILE, %ANON_OBJECT_UNCLEARED
 *
 * As anon_object_create(), without an allocation of its own, and without hooks.
 * The memory of @pages may be freed when the last reference has been given
 * back.
 *
 * Context: May sleep; allocates unless the object is %ANON_OBJECT_VOLATILE.
 * Return: 0, with a reference that anon_object_put() gives back, or
 *
 * * -EINVAL: size 0, a negative size or one above MAX_LFS_FILESIZE; an unknown
 *   flag, or one of the page allocator's that is not for objects
 * * -ENOMEM: no memory
 */
int anon_pages_embed(struct anon_pages *pages, loff_t size, gfp_t gfp,
		     unsigned int flags)
{
	int err;

	if (size <= 0 || size > MAX_LFS_FILESIZE)
		return -EINVAL;
	if (flags & ~ANON_PAGES_FLAGS ||
	    !anon_object_gfp_valid(ANON_OBJECT_PAGES, gfp))
		return -EINVAL;
	err = anon_pages_init(pages, size, gfp, flags);
	if (!err)
		pages->embedded = true;
	return err;
}
EXPORT_SYMBOL_GPL(anon_pages_embed);

/* All objects without an inode: how many there are, and their memory in pages */
void anon_pages_total(long *objects, long *resident)
{
	int cpu;

	*objects = 0;
	*resident = 0;
	for_each_possible_cpu(cpu) {
		*objects += READ_ONCE(per_cpu(anon_pages_objects, cpu));
		*resident += READ_ONCE(per_cpu(anon_pages_resident, cpu));
	}
}
