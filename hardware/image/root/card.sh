# What scripts share that bring something from or to the card's first partition.
card=/boot/firmware
site=$card/site
# What Node compiles for one command is there for the next, and for the unit itself.
export NODE_COMPILE_CACHE=/var/cache/busbar
say() { echo "busbar: $*" | tee /dev/console; }

# Lets the card be written to while a command runs.
on_card() {
  mount -o remount,rw "$card"
  status=0
  "$@" || status=$?
  sync -f "$card"
  mount -o remount,ro "$card"
  return "$status"
}

# Writes a file of the card from standard input, whole or not at all.
write() { on_card sh -c 'cat >"$1.new" && mv "$1.new" "$1"' sh "$card/$1"; }
