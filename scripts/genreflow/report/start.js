startTheme();
startPrinting();
startSorting();
for (const input of document.querySelectorAll("input[data-filters]")) {
  startFilter(input, byId(input.dataset.filters));
}
const content = JSON.parse(byId("content").textContent);
if (content.splits.length) new Explorer(content);
