// SPDX-License-Identifier: GPL-2.0
/*
 * Pinning an object's memory: finding its folios, and holding them.
 *
 * A pin walks the object's folios, one look-up a folio, and hands them to what
 * records them, an array of pages or a scatterlist: what is resident as runs of
 * pages that are next to each other, the rest in batches.  An unpin walks that
 * record and never the object, for the object may have been truncated since.
 * In either record a folio is one run of pages, and it is pinned once a run.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "../internal.h"
#include "pin.h"

#include <trace/events/anon_object.h>

/**
 * DOC: pinning
 *
 * A pin keeps a range of an object in memory, at its place, until it is
 * unpinned: it is not swapped, nor moved, nor split.  All of the range is
 * pinned, or on failure none of it.  Pins nest, and they may overlap.
 *
 * Folios that are missing are allocated or read back from swap, first without
 * reclaim, then after &anon_object_ops.shrink has been called, as hard as
 * &anon_object_attrs.gfp says: whether something may be killed for it is up to
 * that.  Where the huge policy allows large folios, they are taken, and each
 * shows up as one run of pages.
 *
 * A pin is for the long term: the memory is not taken from ZONE_MOVABLE or
 * CMA, and is moved out of there if it had been.  So is what is not of a zone
 * that the object's flags allow, however it came there.
 *
 * Reclaim does not look at an object that has been pinned as a whole, and whose
 * size is fixed.  What else there is of an object of which a part is pinned goes
 * to swap as it always does.  A page with a memory error cannot be pinned, but
 * those around it can.
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
 * What has gone to swap in one piece, and has found no large folio to come back
 * to, may do so page by page: that there is no memory is not said yet.
 */
static struct folio *anon_pin_reread_folio(struct anon_object *obj,
					   pgoff_t index, gfp_t gfp)
{
	if (!xa_get_order(&anon_object_mapping(obj)->i_pages, index))
		return ERR_PTR(-ENOMEM);
	gfp &= ~__GFP_RETRY_MAYFAIL;
	return obj->backend->get_folio(obj, index, gfp | __GFP_NORETRY);
}

/*
 * Allocation without reclaim has failed.  The owner may have memory that is
 * cheaper to give back than what reclaim finds.  Direct reclaim leaves the writing
 * of dirty folios, which an object's mostly are, to kswapd, so it has to be tried
 * over and over.
 */
static struct folio *anon_pin_reclaim_folio(struct anon_object *obj,
					    struct anon_pin *pin, pgoff_t index,
					    unsigned long nr_pages)
{
	gfp_t gfp = anon_object_gfp(obj) | __GFP_NOWARN;

	if (obj->ops && obj->ops->shrink) {
		struct folio *folio = anon_pin_reread_folio(obj, index, gfp);

		if (folio != ERR_PTR(-ENOMEM))
			return folio;
		anon_pin_exit_alloc(pin);
		obj->ops->shrink(obj, nr_pages);
		anon_pin_enter_alloc(obj, pin);
	}
	return obj->backend->get_folio(obj, index, gfp);
}

/*
 * Folios that have been pinned in one walk, as runs of pages that are next to
 * each other in memory.  The walk is under RCU: it goes over so many pages.
 */
#define ANON_PIN_RUNS	16
#define ANON_PIN_WALK	4096

/* How often moving folios out of the way may fail, in one pin */
#define ANON_PIN_MOVES	5

struct anon_pin_runs {
	unsigned int nr;
	bool busy;			/* a folio is not simply there */
	enum zone_type zone;		/* the highest that will do */
	struct pglist_data *pgdat;	/* of all the folios */
	struct page *limit;		/* where the last run's pageblock ends */
	unsigned long block;		/* and which one that is */
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
 * Is the page's folio of the same node as the others, and may it be pinned where
 * it is for the long term?  That is a matter of the pageblock.
 */
static bool anon_pin_enter_block(struct anon_pin_runs *runs,
				 struct folio *folio, struct page *page,
				 unsigned long pfn)
{
	struct pglist_data *pgdat = folio_pgdat(folio);

	if (!folio_is_longterm_pinnable(folio) ||
	    folio_zonenum(folio) > runs->zone)
		return false;
	if (runs->nr && runs->pgdat != pgdat)
		return false;
	runs->pgdat = pgdat;
	runs->limit = page + (pageblock_end_pfn(pfn) - pfn);
	runs->block = pfn >> pageblock_order;
	return true;
}

/*
 * Is there room for one?  Where memory is fragmented, a run is a page, but many
 * are of one block.
 */
static bool anon_pin_begin_run(struct anon_pin_runs *runs, struct folio *folio,
			       struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	if (runs->nr == ANON_PIN_RUNS)
		return false;
	if (pfn >> pageblock_order != runs->block &&
	    !anon_pin_enter_block(runs, folio, page, pfn))
		return false;
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
	runs->busy = false;
	runs->block = ULONG_MAX;
	runs->zone = gfp_zone(mapping_gfp_mask(mapping));

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
		if (!filemap_try_pin(mapping, xas.xa_index, folio)) {
			runs->busy = true;
			break;
		}
		if (folio_test_large(folio)) {
			page = folio_file_page(folio, xas.xa_index);
			nr = min(folio_next_index(folio), end) - xas.xa_index;
		}
		if (page != next || page >= runs->limit) {
			anon_pin_end_run(runs, next);
			if (!anon_pin_begin_run(runs, folio, page)) {
				next = NULL;
				folio_put_pins(folio, 1);
				break;
			}
		}
		next = page + nr;
		nr_folios++;
		if (xas.xa_index + nr >= stop)
			break;
		if (nr > 1)
			xas_advance(&xas, xas.xa_index + nr - 1);
	}
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

/*
 * Without waiting, and with no word about it.  Who has memory to give wants to be
 * asked before kswapd looks for some; for others kswapd may begin, and without
 * __GFP_KSWAPD_RECLAIM a memory cgroup would be charged page by page.
 */
static gfp_t anon_pin_quick_gfp(struct anon_object *obj)
{
	gfp_t effort = __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL;

	if (obj->ops && obj->ops->shrink)
		effort |= __GFP_KSWAPD_RECLAIM;
	return (anon_object_gfp(obj) & ~effort) | __GFP_NORETRY | __GFP_NOWARN;
}

/*
 * Find or allocate folios from @index on, at any cost.  It is quick without
 * reclaim, and mostly that is enough.
 */
static int anon_pin_get_batch(struct anon_object *obj, struct anon_pin *pin,
			      pgoff_t index, pgoff_t end,
			      struct folio_batch *fbatch)
{
	gfp_t quick = anon_pin_quick_gfp(obj);
	struct folio *folio;

	folio_batch_init(fbatch);
	if (obj->backend->fill_hole &&
	    obj->backend->fill_hole(obj, index, end, quick, fbatch))
		return 0;
	do {
		folio = obj->backend->get_folio(obj, index, quick);
		if (folio == ERR_PTR(-ENOMEM))
			folio = anon_pin_reclaim_folio(obj, pin, index,
						       end - index);
		if (IS_ERR(folio)) {
			folio_batch_release(fbatch);
			return PTR_ERR(folio);
		}
		index = anon_object_folio_end(folio);
	} while (folio_batch_add(fbatch, folio) && index < end);
	return 0;
}

static int anon_pin_ref(struct address_space *mapping, struct folio *folio)
{
	if (!folio_ref_to_pin(folio))
		return -ENOMEM;
	if (folio->mapping == mapping)
		return 0;
	/* Truncated, or swapped out, since it was looked up: a reference again */
	folio_ref_inc(folio);
	folio_put_pins(folio, 1);
	return -EAGAIN;
}

/*
 * Turn references into pins, up to the first folio that cannot be pinned; the
 * rest is let go.  A node's are counted at once.  Whether one has to be moved, for
 * a pin is for the long term, is a matter of the zone and of the pageblock, and
 * so is the node: that is looked at once a block.
 */
static int anon_pin_refs(struct address_space *mapping, gfp_t gfp,
			 struct folio_batch *fbatch, bool *must_move)
{
	unsigned long block, last = ULONG_MAX;
	struct pglist_data *pgdat = NULL;
	unsigned int i, counted = 0;
	int err = 0;

	*must_move = false;
	for (i = 0; i < folio_batch_count(fbatch); i++) {
		struct folio *folio = fbatch->folios[i];

		err = anon_pin_ref(mapping, folio);
		if (err)
			break;
		block = folio_pfn(folio) >> pageblock_order;
		if (block == last)
			continue;
		last = block;
		if (!folio_is_longterm_pinnable_gfp(folio, gfp))
			*must_move = true;
		if (folio_pgdat(folio) == pgdat)
			continue;
		if (i > counted)
			mod_node_page_state(pgdat, NR_FOLL_PIN_ACQUIRED,
					    i - counted);
		pgdat = folio_pgdat(folio);
		counted = i;
	}
	if (i > counted)
		mod_node_page_state(pgdat, NR_FOLL_PIN_ACQUIRED, i - counted);
	while (folio_batch_count(fbatch) > i)
		folio_put(fbatch->folios[--fbatch->nr]);
	return i ? 0 : err;
}

/*
 * Wait for who is at the folio at @index.  That may be moving it, for another pin
 * say, and fails if there are references it does not know of: so wait without.
 */
static int anon_pin_wait_folio(struct anon_object *obj, pgoff_t index)
{
	struct folio *folio;

	folio = filemap_get_folio(anon_object_mapping(obj), index);
	if (IS_ERR(folio))
		return 0;
	return folio_put_wait_locked(folio, TASK_KILLABLE);
}

/*
 * Have pinned folios moved to where a pin may be, which lets go of them.  It fails
 * with -ENOMEM if anybody else has one, most likely just for a moment.
 */
static int anon_pin_move(struct anon_pin *pin, struct folio_batch *fbatch,
			 gfp_t gfp)
{
	int err = check_and_migrate_movable_folios(folio_batch_count(fbatch),
						   fbatch->folios, gfp);

	if (err != -ENOMEM || !pin->moves)
		return err;
	pin->moves--;
	schedule_timeout_killable(1);
	return -EAGAIN;
}

/*
 * Pin folios from @index on.  On success there is at least one in @fbatch, and
 * they are next to each other.  -EAGAIN: none, but trying again may help.
 */
static int anon_pin_batch(struct anon_object *obj, struct anon_pin *pin,
			  pgoff_t index, pgoff_t end,
			  struct folio_batch *fbatch)
{
	gfp_t gfp = anon_object_gfp(obj);
	bool must_move;
	int err;

	err = anon_pin_get_batch(obj, pin, index, end, fbatch);
	if (err)
		return err;
	err = anon_pin_refs(anon_object_mapping(obj), gfp, fbatch, &must_move);
	if (err || !must_move)
		return err;
	return anon_pin_move(pin, fbatch, gfp);
}

/*
 * Record a pinned batch, as runs of pages that are next to each other; *@index
 * advances past what has been recorded
 */
static int anon_pin_record(struct anon_pin *pin, struct folio_batch *fbatch,
			   pgoff_t *index, pgoff_t end)
{
	unsigned int i, recorded = 0;
	struct page *run = NULL;
	unsigned long len = 0;		/* of the run */
	int err = 0;

	for (i = 0; i < fbatch->nr; i++) {
		struct folio *folio = fbatch->folios[i];
		unsigned long nr = folio_nr_pages(folio);
		pgoff_t at = *index + len;
		pgoff_t skip = at - folio->index;
		struct page *page;

		if (skip >= nr)
			break;
		page = folio_page(folio, skip);
		nr = min(nr - skip, end - at);
		if (folio_range_hwpoisoned(folio, page, nr)) {
			err = -EIO;
			break;
		}
		if (!len || !anon_page_follows(page, run, len)) {
			if (len)
				err = pin->add(pin, run, len);
			if (err)
				break;
			*index = at;
			recorded = i;
			run = page;
			len = 0;
		}
		len += nr;
	}
	if (!err && len) {
		err = pin->add(pin, run, len);
		if (!err) {
			*index += len;
			recorded = i;
		}
	}
	unpin_folios(fbatch->folios + recorded, fbatch->nr - recorded);
	return err;
}

/*
 * Pin and record pages from *@index on that are not simply there; @busy: somebody
 * is at the first
 */
static int anon_pin_some(struct anon_object *obj, pgoff_t *index, pgoff_t end,
			 struct anon_pin *pin, bool busy)
{
	struct folio_batch fbatch __uninitialized;
	int err;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (busy) {
		err = anon_pin_wait_folio(obj, *index);
		if (err)
			return err;
	}
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

	if (anon_object_too_large(anon_object_gfp(obj), end - index))
		return -ENOMEM;

	pin->moves = ANON_PIN_MOVES;
	do {
		anon_pin_find(obj, index, end, &runs);
		if (runs.nr)
			err = anon_pin_record_runs(pin, &index, &runs);
		else
			err = anon_pin_some(obj, &index, end, pin, runs.busy);
		cond_resched();
	} while (index < end && !err);
	return err;
}

/*
 * Pin pages @index up to @end, recording them in @pin.  Once the record is made,
 * anon_pin_done() is to be called.  On failure, what has been recorded is still
 * pinned, and the pin counts.
 */
int anon_pin(struct anon_object *obj, pgoff_t index, pgoff_t end,
	     struct anon_pin *pin)
{
	if (obj->backend->pin)
		return obj->backend->pin(obj, index, end, pin);
	anon_object_get_pin(obj, end - index);
	return anon_pin_walk(obj, index, end, pin);
}

/* The record of a pin is complete */
void anon_pin_done(struct anon_object *obj, unsigned long nr_pages)
{
	if (!obj->backend->pin && anon_object_is_whole(obj, nr_pages))
		anon_object_hold(obj);
}

void anon_unpin_setup(struct anon_unpin *unpin, struct anon_object *obj,
		      unsigned int flags)
{
	unpin->obj = obj;
	unpin->skip = 0;
	unpin->covered = 0;
	unpin->flags = flags;
	unpin->rescue = false;
	folio_batch_init(&unpin->fbatch);
}

/* Begin to undo what anon_pin_done() was called for */
void anon_unpin_begin(struct anon_unpin *unpin, struct anon_object *obj,
		      unsigned long nr_pages, unsigned int flags)
{
	anon_unpin_setup(unpin, obj, flags);
	if (anon_object_is_whole(obj, nr_pages))
		unpin->rescue = anon_object_release(obj);
	trace_anon_object_unpin(obj, nr_pages, flags);
}

/* Give pins back; a node's are counted at once */
static void anon_unpin_refs(struct folio_batch *fbatch)
{
	unsigned int i, counted = 0, nr = folio_batch_count(fbatch);
	int nid = NUMA_NO_NODE;

	for (i = 0; i < nr; i++) {
		struct folio *folio = fbatch->folios[i];

		if (unlikely(folio_nid(folio) != nid)) {
			if (i)
				mod_node_page_state(NODE_DATA(nid),
						    NR_FOLL_PIN_RELEASED,
						    i - counted);
			nid = folio_nid(folio);
			counted = i;
		}
		folio_put_pins(folio, 1);
	}
	if (i)
		mod_node_page_state(NODE_DATA(nid), NR_FOLL_PIN_RELEASED,
				    i - counted);
}

/* Mark them dirty.  Returns whether reclaim has found some unevictable */
static bool anon_unpin_look(struct anon_unpin *unpin)
{
	struct address_space *mapping = anon_object_mapping(unpin->obj);
	unsigned int i, nr = folio_batch_count(&unpin->fbatch);
	unsigned long clean = 0, seen = 0, covered = 0;

	if (unpin->flags & ANON_OBJECT_DIRTY)
		clean = BIT(PG_dirty);
	for (i = 0; i < nr; i++) {
		struct folio *folio = unpin->fbatch.folios[i];
		unsigned long flags = READ_ONCE(folio->flags.f);

		if (~flags & clean)
			folio_mark_dirty(folio);
		if (folio->mapping == mapping)
			covered += folio_nr_pages(folio);
		seen |= flags;
	}
	unpin->covered += covered;
	return seen & BIT(PG_unevictable);
}

void anon_unpin_flush(struct anon_unpin *unpin)
{
	bool unevictable = anon_unpin_look(unpin);

	if (unpin->flags & ANON_OBJECT_ACCESSED)
		folio_batch_mark_accessed(&unpin->fbatch);
	/* A folio on its way to a list will find the mapping evictable */
	if (unpin->rescue && unevictable)
		check_move_unevictable_folios(&unpin->fbatch);
	anon_unpin_refs(&unpin->fbatch);
	folio_batch_reinit(&unpin->fbatch);
	cond_resched();
}

/*
 * What the last pin of all the object did not hold may have been found
 * unevictable as well, if it has come in the place of what was truncated. But
 * mostly it has held all there is.
 */
void anon_unpin_end(struct anon_unpin *unpin, unsigned long nr_pages)
{
	struct anon_object *obj = unpin->obj;

	if (folio_batch_count(&unpin->fbatch))
		anon_unpin_flush(unpin);
	if (unpin->rescue && unpin->covered != anon_object_cached(obj))
		anon_object_move_evictable(obj);
	anon_object_put_pin(obj, nr_pages);
}
