# Which data races do these kernel logs tell of, and is each of them known?
#
#	awk -v known=FILE -v new=FILE -f races.awk FUNCTIONS LOG...
#
# FUNCTIONS has a line "ours NAME" for each function of a file of ours, and
# "changed NAME" for those of a file that is changed.  A race has to do with us
# if it is in one of these, or in what one of ours has called.  Races
# are told apart by the two functions that they are in, "A / B"; B is "?" where
# KCSAN has not seen the other.  The first report of each that is not known goes
# to the file NEW.  The last line is "N data races, N known".

# The function's own name, without its offset and what the compiler has added
function bare(name)
{
	sub(/[+.].*/, "", name)
	return name
}

function pair(title,	part)
{
	sub(/.* in /, "", title)
	gsub(/ \[[a-z0-9_]+\]/, "", title)
	if (split(title, part, " / ") == 1)
		return bare(title) " / ?"
	part[1] = bare(part[1])
	part[2] = bare(part[2])
	return part[1] < part[2] ? part[1] " / " part[2] : \
				   part[2] " / " part[1]
}

function begin()
{
	race = pair($0)
	split(race, side, " / ")
	with_us = (side[1] in changed) || (side[2] in changed)
	text = $0 "\n"
	inside = 1
	depth = 0
}

function end()
{
	inside = 0
	if (!with_us) {
		elsewhere[race]++
		return
	}
	if (!times[race]++)
		report[race] = text
}

function is_known(race,	i)
{
	for (i = 1; i <= patterns; i++)
		if (race ~ "^(" pattern[i] ")$")
			return 1
	return 0
}

BEGIN {
	while ((getline line <known) > 0)
		if (line !~ /^(#|$)/) {
			sub(/\t.*/, "", line)
			pattern[++patterns] = line
		}
}

FILENAME == ARGV[1] {
	if ($1 == "ours")
		ours[bare($2)]
	changed[bare($2)]
	next
}

FNR == 1 { inside = 0 }
{ sub(/^\[[ 0-9.]+\](\[ *[TC][0-9]+\])? /, "") }
/^BUG: KCSAN: / { begin(); next }
!inside { next }
/^=====/ { end(); next }
{ text = text $0 "\n" }
/ by (task|interrupt)/ { depth = 0 }
/^ [^ ]+\+0x/ && ++depth <= 2 && (bare($1) in ours) { with_us = 1 }

END {
	for (race in times) {
		races++
		if (is_known(race)) {
			have++
			print "known\t" times[race] "\t" race
			continue
		}
		print "new\t" times[race] "\t" race
		print report[race] >new
	}
	for (race in elsewhere)
		others++
	print others + 0 " elsewhere in the kernel"
	print races + 0 " data races, " have + 0 " known"
}
