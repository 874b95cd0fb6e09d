# results.tsv as pairs of bars, on a logarithmic scale
set terminal svg size 1400,700 font "sans,11" background "white"
set output svg
set datafile separator "\t"
set datafile missing "-"
set style data histogram
set style histogram clustered gap 1
set style fill solid
set logscale y
set yrange [0.5:*]
set ylabel unit
set xtics rotate by -60 scale 0
set grid ytics
set key top left
plot results using 3:xtic(1) title "stock" linecolor rgb "#b0b0b0", \
     results using 4 title "ported" linecolor rgb "#2060a0"
