// SPDX-License-Identifier: GPL-2.0
/*
 * Pinning an object's memory: for device access, and for the kernel's own
 * mappings.
 *
 * A pin walks the object's folios, one look-up a folio, and hands them to what
 * records them, an array of pages or a scatterlist: what is resident as runs of
 * pages that are next to each other, the rest in batches.  An unpin walks that
 * record and never the object, for the object may have been truncated since.
 * In either record a folio is one run of pages, and it is pinned once a run.
 */
#include <linux/hugetlb.h>
#include <linux/io.h>
#include <linux/kmemleak.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/unroll.h>
#include <linux/vmalloc.h>

#include "../internal.h"
#include "internal.h"

#include <trace/events/anon_object.h>

/**
 * DOC: pinning
 *
 * A pin keeps a range of an object in memory, at its place, until it is
 * unpinned: it is not swapped, nor moved, nor split.  All of the range is
 * pinned, or on failure none of it.  Pins nest, and they may overlap.
 *
 * Folios that are missing are allocated or read back from swap, first without
 * reclaim, then after &anon_object_ops.shrink has been called, with all the
 * reclaim there is; but nothing is killed for it.  Where the huge policy
 * allows large folios, they are taken, and each shows up as one run of pages.
 *
 * A pin is for the long term: the memory is not taken from ZONE_MOVABLE or
 * CMA, and is moved out of there if it had been.
 *
 * Pinned memory has no dirty state of its own.  Who has written to it, or has
 * let a device do so, says %ANON_OBJECT_DIRTY when unpinning it.
 */

static void anon_pin_enter_alloc(struct anon_object *obj, struct anon_pin *pin)
{
	pin->alloc_flags = memalloc_pin_save();
	pin->memcg = anon_object_enter_memcg(obj, &pin->old_memcg);
}

static void anon_pin_exit_alloc(struct anon_pin *pin)
{
	anon_object_exit_memcg(pin->memcg, pin->old_memcg);
	memalloc_pin_restore(pin->alloc_flags);
}

/*
 * Allocation without reclaim is quick, and mostly enough. Where it is not, the
 * owner may have memory that is cheaper to give back than what reclaim finds.
 * And when reclaim fails too, the caller can cope: let nobody be killed.
 * Direct reclaim leaves the writing of dirty folios, which an object's mostly
 * are, to kswapd, so it has to be tried over and over.
 */
static struct folio *anon_pin_get_folio(struct anon_object *obj,
					struct anon_pin *pin, pgoff_t index,
					unsigned long nr_pages)
{
	gfp_t gfp = mapping_gfp_mask(anon_object_mapping(obj));
	struct folio *folio;

	folio = obj->backend->get_folio(obj, index, (gfp & ~__GFP_RECLAIM) |
					__GFP_NORETRY | __GFP_NOWARN);
	if (!IS_ERR(folio) || PTR_ERR(folio) != -ENOMEM)
		return folio;

	if (obj->ops && obj->ops->shrink) {
		anon_pin_exit_alloc(pin);
		obj->ops->shrink(obj, nr_pages);
		anon_pin_enter_alloc(obj, pin);
	}
	return obj->backend->get_folio(obj, index, gfp | __GFP_RETRY_MAYFAIL |
				       __GFP_NOWARN);
}

/*
 * Folios that have been pinned in one walk, as runs of pages that are next to
 * each other in memory.  The walk is under RCU: it goes over so many pages.
 */
#define ANON_PIN_RUNS	16
#define ANON_PIN_WALK	4096

struct anon_pin_runs {
	unsigned int nr;
	struct pglist_data *pgdat;	/* of all the folios */
	struct page *limit;		/* where the last run's pageblock ends */
	struct anon_pin_run {
		struct page *page;
		unsigned long nr_pages;
	} run[ANON_PIN_RUNS];
};

static void anon_pin_end_run(struct anon_pin_runs *runs, struct page *next)
{
	struct anon_pin_run *run;

	if (!next)
		return;
	run = &runs->run[runs->nr - 1];
	run->nr_pages = next - run->page;
}

/*
 * Is there room for one, is the page's folio of the same node as the others,
 * and may it be pinned where it is for the long term?
 */
static bool anon_pin_begin_run(struct anon_pin_runs *runs, struct folio *folio,
			       struct page *page)
{
	unsigned long in_block = page_to_pfn(page) & (pageblock_nr_pages - 1);

	if (runs->nr == ANON_PIN_RUNS || !folio_is_longterm_pinnable(folio))
		return false;
	if (!runs->nr)
		runs->pgdat = folio_pgdat(folio);
	else if (runs->pgdat != folio_pgdat(folio))
		return false;
	runs->limit = page + (pageblock_nr_pages - in_block);
	runs->run[runs->nr++].page = page;
	return true;
}

/*
 * Pin what is there from @index on, up to a hole, to what somebody is at right
 * now, or to what has to be moved first.  With small folios this is what a pin
 * costs; so it is one loop, and not filemap_get_folios_contig() and one loop
 * for each of the rest.
 */
static void anon_pin_find(struct anon_object *obj, pgoff_t index, pgoff_t end,
			  struct anon_pin_runs *runs)
{
	struct address_space *mapping = anon_object_mapping(obj);
	XA_STATE(xas, &mapping->i_pages, index);
	struct page *next = NULL;	/* where the run would go on */
	pgoff_t stop = min(end, index + ANON_PIN_WALK);
	unsigned int nr_folios = 0;
	struct folio *folio;

	runs->nr = 0;

	rcu_read_lock();
	for (folio = xas_load(&xas); folio; folio = xas_next(&xas)) {
		struct page *page = &folio->page;
		unsigned long nr = 1;

		if (xa_is_value(folio))
			break;
		if (xa_is_internal(folio)) {
			if (xas_retry(&xas, folio))
				continue;
			break;
		}
		if (!folio_try_get(folio))
			break;
		/*
		 * Reclaim that has not seen the reference has the folio locked.
		 * fallocate() leaves folios that have yet to be cleared.
		 */
		if (folio_test_locked(folio) || !folio_test_uptodate(folio) ||
		    folio->mapping != mapping ||
		    folio_contain_hwpoisoned_page(folio))
			goto put;
		if (!folio_test_large(folio)) {
			if (folio->index != xas.xa_index)
				goto put;
		} else {
			if (!folio_contains(folio, xas.xa_index))
				goto put;
			page = folio_file_page(folio, xas.xa_index);
			nr = min(folio_next_index(folio), end) - xas.xa_index;
		}

		if (page != next || page >= runs->limit) {
			anon_pin_end_run(runs, next);
			if (!anon_pin_begin_run(runs, folio, page)) {
				next = NULL;
				goto put;
			}
		}
		folio_ref_to_pin(folio);
		next = page + nr;
		nr_folios++;
		if (xas.xa_index + nr >= stop)
			break;
		if (nr > 1)
			xas_advance(&xas, xas.xa_index + nr - 1);
	}
	goto out;

put:
	folio_put(folio);
out:
	rcu_read_unlock();
	anon_pin_end_run(runs, next);
	if (nr_folios)
		mod_node_page_state(runs->pgdat, NR_FOLL_PIN_ACQUIRED,
				    nr_folios);
}

static void anon_unpin_run(struct anon_pin_run *run)
{
	unsigned long i = 0;

	while (i < run->nr_pages) {
		struct folio *folio = page_folio(run->page + i);

		i += folio_nr_pages(folio) - folio_page_idx(folio, run->page + i);
		unpin_folio(folio);
	}
}

/* Record pinned runs; *@index advances past what has been recorded */
static int anon_pin_record_runs(struct anon_pin *pin, pgoff_t *index,
				struct anon_pin_runs *runs)
{
	struct anon_pin_run *run = runs->run, *end = run + runs->nr;
	int err = 0;

	for (; run < end; run++) {
		err = pin->add(pin, run->page, run->nr_pages);
		if (err)
			break;
		*index += run->nr_pages;
	}
	for (; run < end; run++)
		anon_unpin_run(run);
	return err;
}

/* Find or allocate folios from @index on, at any cost */
static int anon_pin_get_batch(struct anon_object *obj, struct anon_pin *pin,
			      pgoff_t index, pgoff_t end,
			      struct folio_batch *fbatch)
{
	struct folio *folio;

	folio_batch_init(fbatch);
	do {
		folio = anon_pin_get_folio(obj, pin, index, end - index);
		if (IS_ERR(folio)) {
			folio_batch_release(fbatch);
			return PTR_ERR(folio);
		}
		index = folio_next_index(folio);
	} while (folio_batch_add(fbatch, folio) && index < end);
	return 0;
}

/* Turn references into pins, or give pins back; a node's are counted at once */
static __always_inline void anon_pin_each(struct folio_batch *fbatch, bool pin)
{
	enum node_stat_item item = pin ? NR_FOLL_PIN_ACQUIRED :
					 NR_FOLL_PIN_RELEASED;
	struct pglist_data *pgdat = NULL;
	unsigned int i, nr = 0;

	for (i = 0; i < folio_batch_count(fbatch); i++) {
		struct folio *folio = fbatch->folios[i];

		if (folio_pgdat(folio) != pgdat) {
			if (nr)
				mod_node_page_state(pgdat, item, nr);
			pgdat = folio_pgdat(folio);
			nr = 0;
		}
		nr++;
		if (pin)
			folio_ref_to_pin(folio);
		else
			folio_put_pins(folio, 1);
	}
	if (nr)
		mod_node_page_state(pgdat, item, nr);
}

/*
 * Does a pin for the long term have to move one of them first?  That is a
 * matter of the zone and of the pageblock, which is looked at once.
 */
static bool anon_pin_must_move(struct folio_batch *fbatch)
{
	unsigned long block, last = ULONG_MAX;
	unsigned int i;

	for (i = 0; i < folio_batch_count(fbatch); i++) {
		block = folio_pfn(fbatch->folios[i]) >> pageblock_order;
		if (block == last)
			continue;
		if (!folio_is_longterm_pinnable(fbatch->folios[i]))
			return true;
		last = block;
	}
	return false;
}

/*
 * Pin folios from @index on.  On success there is at least one in @fbatch, and
 * they are next to each other.  -EAGAIN: none, but trying again may help.
 */
static int anon_pin_batch(struct anon_object *obj, struct anon_pin *pin,
			  pgoff_t index, pgoff_t end,
			  struct folio_batch *fbatch)
{
	struct address_space *mapping = anon_object_mapping(obj);
	unsigned int i, nr;
	int err;

	err = anon_pin_get_batch(obj, pin, index, end, fbatch);
	if (err)
		return err;

	nr = folio_batch_count(fbatch);
	anon_pin_each(fbatch, true);
	/* Truncated, or swapped out, since it was looked up? */
	for (i = 0; i < nr; i++)
		if (fbatch->folios[i]->mapping != mapping)
			break;
	if (i < nr) {
		unpin_folios(fbatch->folios + i, nr - i);
		fbatch->nr = i;
		if (!i)
			return -EAGAIN;
	}
	if (!anon_pin_must_move(fbatch))
		return 0;
	return check_and_migrate_movable_folios(i, fbatch->folios);
}

/* Record a pinned batch; *@index advances past what has been recorded */
static int anon_pin_record(struct anon_pin *pin, struct folio_batch *fbatch,
			   pgoff_t *index, pgoff_t end)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < fbatch->nr; i++) {
		struct folio *folio = fbatch->folios[i];
		unsigned long nr;

		if (*index - folio->index >= folio_nr_pages(folio))
			break;
		err = -EIO;
		if (folio_contain_hwpoisoned_page(folio))
			break;
		nr = min(folio_next_index(folio), end) - *index;
		err = pin->add(pin, folio_file_page(folio, *index), nr);
		if (err)
			break;
		*index += nr;
	}
	unpin_folios(fbatch->folios + i, fbatch->nr - i);
	return err;
}

/* Pin and record pages from *@index on that are not simply there */
static int anon_pin_some(struct anon_object *obj, pgoff_t *index, pgoff_t end,
			 struct anon_pin *pin)
{
	struct folio_batch fbatch __uninitialized;
	int err;

	anon_pin_enter_alloc(obj, pin);
	err = anon_pin_batch(obj, pin, *index, end, &fbatch);
	anon_pin_exit_alloc(pin);
	if (err)
		return err == -EAGAIN ? 0 : err;
	return anon_pin_record(pin, &fbatch, index, end);
}

static int anon_pin_walk(struct anon_object *obj, pgoff_t index, pgoff_t end,
			 struct anon_pin *pin)
{
	struct anon_pin_runs runs __uninitialized;
	int err;

	/* There is no chance: do not take all the memory for it first */
	if (end - index > totalram_pages())
		return -ENOMEM;

	do {
		anon_pin_find(obj, index, end, &runs);
		if (runs.nr)
			err = anon_pin_record_runs(pin, &index, &runs);
		else
			err = anon_pin_some(obj, &index, end, pin);
		cond_resched();
	} while (index < end && !err);
	return err;
}

/*
 * Pin pages @index up to @end, recording them in @pin.  On failure, what has
 * been recorded is still pinned.
 */
static __always_inline int anon_pin(struct anon_object *obj, pgoff_t index,
				    pgoff_t end, struct anon_pin *pin)
{
	if (obj->backend->pin)
		return obj->backend->pin(obj, index, end, pin);
	anon_object_get_pin(obj, end - index);
	return anon_pin_walk(obj, index, end, pin);
}

/*
 * An unpin in progress, which goes batch by batch.  A run of pages goes on for
 * @skip pages after the segment that it began in.
 */
struct anon_unpin {
	struct anon_object *obj;
	unsigned long skip;
	unsigned long covered;
	unsigned int flags;
	bool rescue;
	struct folio_batch fbatch;
};

static void anon_unpin_begin(struct anon_unpin *unpin, struct anon_object *obj,
			     unsigned long nr_pages, unsigned int flags)
{
	unpin->obj = obj;
	unpin->skip = 0;
	unpin->covered = 0;
	unpin->flags = flags;
	unpin->rescue = anon_object_put_pin(obj, nr_pages);
	folio_batch_init(&unpin->fbatch);
	trace_anon_object_unpin(obj, nr_pages, flags);
}

static void anon_unpin_flush(struct anon_unpin *unpin)
{
	struct address_space *mapping = anon_object_mapping(unpin->obj);
	struct folio_batch *fbatch = &unpin->fbatch;
	bool dirty = unpin->flags & ANON_OBJECT_DIRTY;
	bool unevictable = false;
	unsigned int i;

	for (i = 0; i < folio_batch_count(fbatch); i++) {
		struct folio *folio = fbatch->folios[i];

		if (dirty && !folio_test_dirty(folio))
			folio_mark_dirty(folio);
		if (folio->mapping == mapping)
			unpin->covered += folio_nr_pages(folio);
		unevictable |= folio_test_unevictable(folio);
	}
	if (unpin->flags & ANON_OBJECT_ACCESSED)
		folio_batch_mark_accessed(fbatch);
	/* A folio on its way to a list will find the mapping evictable */
	if (unpin->rescue && unevictable)
		check_move_unevictable_folios(fbatch);
	anon_pin_each(fbatch, false);
	folio_batch_reinit(fbatch);
	cond_resched();
}

/*
 * Unpin the folio of a run's first page.  Returns how many pages of the folio
 * there are from that on, for it is not to be looked at again.
 */
static unsigned long anon_unpin_folio(struct anon_unpin *unpin,
				      struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned long left = 1;

	if (folio_test_large(folio))
		left = folio_nr_pages(folio) - folio_page_idx(folio, page);
	if (!folio_batch_add(&unpin->fbatch, folio))
		anon_unpin_flush(unpin);
	return left;
}

/* Without folios, there is no state to leave them with */
static __always_inline bool anon_unpin_whole(struct anon_object *obj,
					     unsigned long nr_pages,
					     unsigned int flags)
{
	if (!obj->backend->unpin)
		return false;
	obj->backend->unpin(obj, nr_pages);
	trace_anon_object_unpin(obj, nr_pages, flags);
	return true;
}

/*
 * What the last pin did not hold may have been found unevictable as well. But
 * mostly it has held all there is.
 */
static void anon_unpin_end(struct anon_unpin *unpin)
{
	struct anon_object *obj = unpin->obj;

	if (folio_batch_count(&unpin->fbatch))
		anon_unpin_flush(unpin);
	if (unpin->rescue &&
	    unpin->covered != READ_ONCE(anon_object_mapping(obj)->nrpages))
		anon_object_move_evictable(obj);
}

struct anon_pin_pages {
	struct anon_pin pin;
	struct page **next;
};

static int anon_pin_add_pages(struct anon_pin *pin, struct page *page,
			      unsigned long nr)
{
	struct anon_pin_pages *pp = container_of(pin, struct anon_pin_pages,
						 pin);
	struct page **next = pp->next;
	unsigned long i;

	unrolled_count(4)
	for (i = 0; i < nr; i++)
		next[i] = page + i;
	pp->next = next + nr;
	return 0;
}

/* A pin of @nr_pages, of which @recorded have been recorded */
static void anon_unpin_pages(struct anon_object *obj, struct page **pages,
			     size_t recorded, size_t nr_pages,
			     unsigned int flags)
{
	struct anon_unpin unpin __uninitialized;
	size_t i;

	if (anon_unpin_whole(obj, nr_pages, flags))
		return;
	anon_unpin_begin(&unpin, obj, nr_pages, flags);
	for (i = 0; i < recorded; i += anon_unpin_folio(&unpin, pages[i]))
		;
	anon_unpin_end(&unpin);
}

/**
 * anon_object_pin_pages - pin a range to an array of pages
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @pages: gets @len >> PAGE_SHIFT pages, in the object's order
 *
 * Context: May sleep, allocates; see "locking". @obj may be unreferenced
 * again only after anon_object_unpin_pages().
 * Return: 0, or, with nothing pinned and @pages undefined,
 *
 * * -EINVAL: the range is misaligned, empty or not within the object
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool
 * * -EIO: swap could not be read, or the memory is broken
 */
int anon_object_pin_pages(struct anon_object *obj, loff_t pos, size_t len,
			  struct page **pages)
{
	struct anon_pin_pages pp __uninitialized;
	unsigned long nr_pages = len >> PAGE_SHIFT;
	pgoff_t index = pos >> PAGE_SHIFT;
	int err;

	err = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (err)
		return err;

	pp.pin.add = anon_pin_add_pages;
	pp.pin.max_order = MAX_PAGE_ORDER;
	pp.pin.sgt = NULL;
	pp.next = pages;

	err = anon_pin(obj, index, index + nr_pages, &pp.pin);
	if (err)
		anon_unpin_pages(obj, pages, pp.next - pages, nr_pages, 0);
	trace_anon_object_pin(obj, pos, len, err);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_pin_pages);

/**
 * anon_object_unpin_pages - undo anon_object_pin_pages()
 * @obj: the object
 * @pages: what it had returned
 * @nr_pages: all the pages of that pin
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_unpin_pages(struct anon_object *obj, struct page **pages,
			     size_t nr_pages, unsigned int flags)
{
	anon_unpin_pages(obj, pages, nr_pages, nr_pages, flags);
}
EXPORT_SYMBOL_GPL(anon_object_unpin_pages);

/*
 * Builds an sg_table run by run, without knowing how many there will be.  The
 * first few entries are on the stack, most objects need no more.  Others go
 * into pages, chained as sg_free_table() expects them.
 */
#define ANON_SGT_FEW	16
#define ANON_SGT_LINK	(SG_MAX_SINGLE_ALLOC - 1)

struct anon_pin_sgt {
	struct anon_pin pin;
	unsigned int max_segment;
	unsigned int nents;
	unsigned int used;		/* entries of @chunk */
	struct scatterlist *sg;		/* the entry that may still grow */
	struct scatterlist *chunk;	/* the last chunk */
	struct scatterlist *prev;	/* the one before, NULL if none */
	struct scatterlist *first;
	struct scatterlist few[ANON_SGT_FEW];
};

static struct scatterlist *anon_sgt_alloc_chunk(void)
{
	struct scatterlist *chunk;

	chunk = (void *)__get_free_page(GFP_KERNEL | __GFP_NOWARN);
	if (!chunk)
		return NULL;
	/* sg_free_table() will tell it that this has gone */
	kmemleak_alloc(chunk, PAGE_SIZE, 1, GFP_KERNEL);
	sg_init_table(chunk, SG_MAX_SINGLE_ALLOC);
	return chunk;
}

static void anon_sgt_free_chunk(struct scatterlist *chunk)
{
	kmemleak_free(chunk);
	free_page((unsigned long)chunk);
}

/* Free the chunks of an unfinished table */
static void anon_sgt_free_chunks(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk = ps->first, *next;

	if (chunk == ps->few)
		return;
	while (chunk) {
		next = chunk == ps->chunk ? NULL :
		       sg_chain_ptr(&chunk[ANON_SGT_LINK]);
		anon_sgt_free_chunk(chunk);
		chunk = next;
	}
}

/* Off the stack */
static int anon_sgt_move(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk = anon_sgt_alloc_chunk();

	if (!chunk)
		return -ENOMEM;
	memcpy(chunk, ps->few, ps->used * sizeof(*chunk));
	ps->sg = ps->used ? &chunk[ps->used - 1] : NULL;
	ps->first = chunk;
	ps->chunk = chunk;
	return 0;
}

static int anon_sgt_chain(struct anon_pin_sgt *ps)
{
	struct scatterlist *chunk;

	if (IS_ENABLED(CONFIG_ARCH_NO_SG_CHAIN))
		return -E2BIG;
	chunk = anon_sgt_alloc_chunk();
	if (!chunk)
		return -ENOMEM;
	sg_chain(ps->chunk, SG_MAX_SINGLE_ALLOC, chunk);
	ps->prev = ps->chunk;
	ps->chunk = chunk;
	ps->used = 0;
	return 0;
}

/* A new entry at the end, in a chunk that is none of the stack's if it is full */
static int anon_sgt_next(struct anon_pin_sgt *ps)
{
	int err;

	if (ps->used == ANON_SGT_LINK) {
		err = anon_sgt_chain(ps);
		if (err)
			return err;
	}
	ps->sg = &ps->chunk[ps->used++];
	memset(ps->sg, 0, sizeof(*ps->sg));
	ps->nents++;
	return 0;
}

static int anon_pin_add_sgt(struct anon_pin *pin, struct page *page,
			    unsigned long nr)
{
	struct anon_pin_sgt *ps = container_of(pin, struct anon_pin_sgt, pin);
	unsigned long pfn = page_to_pfn(page), grow = 0;
	unsigned int max = ps->max_segment >> PAGE_SHIFT;
	unsigned int nents = ps->nents;
	struct scatterlist *sg;
	int err;

	if (ps->chunk == ps->few &&
	    DIV_ROUND_UP(nr, max) > ANON_SGT_FEW - ps->used) {
		err = anon_sgt_move(ps);
		if (err)
			return err;
	}

	sg = ps->sg;
	if (sg && pfn == page_to_pfn(sg_page(sg)) + (sg->length >> PAGE_SHIFT))
		grow = min(nr, max - (sg->length >> PAGE_SHIFT));
	nr -= grow;
	pfn += grow;
	while (nr) {
		unsigned int part = min(nr, max);

		err = anon_sgt_next(ps);
		if (err) {
			/* What has been added of the run does not count */
			ps->nents = nents;
			return err;
		}
		sg_set_page(ps->sg, pfn_to_page(pfn), part << PAGE_SHIFT, 0);
		nr -= part;
		pfn += part;
	}
	if (grow)
		sg->length += grow << PAGE_SHIFT;
	return 0;
}

/* The last chunk has to be as long as what is in it */
static int anon_sgt_finish(struct anon_pin_sgt *ps, struct sg_table *sgt)
{
	struct scatterlist *last;

	if (ps->prev && ps->used == 1) {
		/* A link to a single entry is not a thing that tables have */
		ps->prev[ANON_SGT_LINK] = ps->chunk[0];
		anon_sgt_free_chunk(ps->chunk);
		last = ps->prev;
		ps->used = SG_MAX_SINGLE_ALLOC;
	} else {
		last = kmemdup_array(ps->chunk, ps->used, sizeof(*last),
				     GFP_KERNEL | __GFP_NOWARN);
		if (!last)
			return -ENOMEM;
		if (ps->chunk != ps->few)
			anon_sgt_free_chunk(ps->chunk);
		if (ps->prev)
			sg_chain(ps->prev, SG_MAX_SINGLE_ALLOC, last);
		else
			ps->first = last;
	}
	sg_mark_end(&last[ps->used - 1]);
	sgt->sgl = ps->first;
	sgt->nents = ps->nents;
	sgt->orig_nents = ps->nents;
	return 0;
}

static void anon_unpin_sgl(struct anon_object *obj, struct scatterlist *sgl,
			   unsigned int nents, unsigned long nr_pages,
			   unsigned int flags)
{
	struct anon_unpin unpin __uninitialized;
	struct scatterlist *sg = sgl;
	unsigned int i;

	anon_unpin_begin(&unpin, obj, nr_pages, flags);
	/* What comes after the last entry of a table in the making is no entry */
	for (i = 0; i < nents; i++) {
		unsigned long nr, j, pfn;

		if (i)
			sg = sg_next(sg);
		nr = sg->length >> PAGE_SHIFT;
		pfn = page_to_pfn(sg_page(sg));
		for (j = unpin.skip; j < nr; )
			j += anon_unpin_folio(&unpin, pfn_to_page(pfn + j));
		unpin.skip = j - nr;
	}
	anon_unpin_end(&unpin);
}

static void anon_sgt_free(struct anon_object *obj, struct sg_table *sgt)
{
	if (obj->backend == &anon_pages_backend &&
	    sgt->sgl == &container_of(obj, struct anon_pages, obj)->entry)
		return;
	sg_free_table(sgt);
}

/**
 * anon_object_pin_sgt - pin a range to an sg_table
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @max_segment: the longest segment that the device takes, in bytes; it is
 *	rounded down to a multiple of the page size. UINT_MAX: no limit
 * @sgt: gets the table, not mapped for DMA; anon_object_unpin_sgt() frees it
 *
 * What is next to each other in memory is merged into one segment, across
 * folios too.
 *
 * Context: May sleep, allocates; see "locking".
 * Return: 0, or, with nothing pinned and @sgt undefined,
 *
 * * -EINVAL: the range is misaligned, empty or not within the object, or
 *   @max_segment is below the page size
 * * -E2BIG: a table cannot hold so many segments
 * * -ENOMEM: no memory, or too few pages in the hugetlb pool
 * * -EIO: swap could not be read, or the memory is broken
 */
int anon_object_pin_sgt(struct anon_object *obj, loff_t pos, size_t len,
			unsigned int max_segment, struct sg_table *sgt)
{
	unsigned long nr_pages = len >> PAGE_SHIFT;
	pgoff_t index = pos >> PAGE_SHIFT;
	struct anon_pin_sgt ps __uninitialized;
	int err;

	err = anon_object_check_range(obj, pos, len, PAGE_SIZE);
	if (err)
		return err;
	if (max_segment < PAGE_SIZE)
		return -EINVAL;
	if (nr_pages > INT_MAX)
		return -E2BIG;

	ps.pin.add = anon_pin_add_sgt;
	ps.pin.max_order = min(ilog2(max_segment >> PAGE_SHIFT),
			       MAX_PAGE_ORDER);
	ps.pin.sgt = sgt;
	ps.max_segment = max_segment;
	ps.nents = 0;
	ps.used = 0;
	ps.sg = NULL;
	ps.chunk = ps.few;
	ps.prev = NULL;
	ps.first = ps.few;

	err = anon_pin(obj, index, index + nr_pages, &ps.pin);
	if (!err && ps.nents)
		err = anon_sgt_finish(&ps, sgt);
	if (err) {
		if (!anon_unpin_whole(obj, nr_pages, 0))
			anon_unpin_sgl(obj, ps.first, ps.nents, nr_pages, 0);
		anon_sgt_free_chunks(&ps);
	}
	trace_anon_object_pin(obj, pos, len, err);
	return err;
}
EXPORT_SYMBOL_GPL(anon_object_pin_sgt);

/**
 * anon_object_unpin_sgt - undo anon_object_pin_sgt()
 * @obj: the object
 * @sgt: what it had returned, with any DMA mapping undone; it is freed
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_unpin_sgt(struct anon_object *obj, struct sg_table *sgt,
			   unsigned int flags)
{
	unsigned long nr_pages = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(sgt, sg, i)
		nr_pages += sg->length >> PAGE_SHIFT;
	if (!anon_unpin_whole(obj, nr_pages, flags))
		anon_unpin_sgl(obj, sgt->sgl, sgt->orig_nents, nr_pages, flags);
	anon_sgt_free(obj, sgt);
}
EXPORT_SYMBOL_GPL(anon_object_unpin_sgt);

#ifdef CONFIG_MMU
/* Segment by segment, so that what is large gets large mappings */
static void *anon_map_sgt(struct sg_table *sgt, size_t len, pgprot_t prot)
{
	struct vm_struct *area = get_vm_area(len, VM_MAP);
	struct scatterlist *sg;
	unsigned long addr;
	unsigned int i;

	if (!area)
		return NULL;
	addr = (unsigned long)area->addr;
	for_each_sgtable_sg(sgt, sg, i) {
		if (vmap_page_range(addr, addr + sg->length, sg_phys(sg),
				    prot)) {
			free_vm_area(area);
			return NULL;
		}
		addr += sg->length;
	}
	return area->addr;
}

static void anon_unmap(void *vaddr)
{
	vunmap(vaddr);
}
#else
/* It is mapped where it is, if it is in one piece */
static void *anon_map_sgt(struct sg_table *sgt, size_t len, pgprot_t prot)
{
	return sgt->orig_nents == 1 ? sg_virt(sgt->sgl) : NULL;
}

static void anon_unmap(void *vaddr)
{
}
#endif /* CONFIG_MMU */

/**
 * anon_object_vmap - pin a range and map it into the kernel
 * @obj: the object
 * @pos: where to begin, in bytes, a multiple of the page size
 * @len: bytes, a multiple of the page size
 * @prot: PAGE_KERNEL, or what else the mapping is to be
 * @map: gets the mapping, in @map->vaddr
 *
 * Context: May sleep, allocates; see "locking".
 * Return: 0, or an error of anon_object_pin_sgt().
 */
int anon_object_vmap(struct anon_object *obj, loff_t pos, size_t len,
		     pgprot_t prot, struct anon_object_map *map)
{
	int err;

	err = anon_object_pin_sgt(obj, pos, len, UINT_MAX, &map->sgt);
	if (err)
		return err;

	map->vaddr = anon_map_sgt(&map->sgt, len, prot);
	if (!map->vaddr) {
		anon_object_unpin_sgt(obj, &map->sgt, 0);
		return -ENOMEM;
	}
	map->size = len;
	return 0;
}
EXPORT_SYMBOL_GPL(anon_object_vmap);

/**
 * anon_object_vunmap - undo anon_object_vmap()
 * @obj: the object
 * @map: what it had returned
 * @flags: %ANON_OBJECT_DIRTY, %ANON_OBJECT_ACCESSED
 *
 * Context: May sleep, does not allocate.
 */
void anon_object_vunmap(struct anon_object *obj, struct anon_object_map *map,
			unsigned int flags)
{
	anon_unmap(map->vaddr);
	anon_object_unpin_sgt(obj, &map->sgt, flags);
	map->vaddr = NULL;
}
EXPORT_SYMBOL_GPL(anon_object_vunmap);
