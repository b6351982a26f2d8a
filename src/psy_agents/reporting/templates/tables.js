// A table that is wider than its page says that it scrolls.
const widths = new ResizeObserver(seen => {
  for (const {target} of seen) target.classList.toggle("scrolls", target.scrollWidth > target.clientWidth + 1);
});
document.querySelectorAll(".scroll").forEach(part => widths.observe(part));
