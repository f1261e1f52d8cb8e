/** One cluster alone: whatever belongs to the cluster under the pointer is lit, the rest dimmed. */
function startClusters() {
  for (const clustering of document.querySelectorAll(".clustering")) {
    const map = clustering.querySelector(".label-map");
    if (!map) continue;
    const members = [...clustering.querySelectorAll("[data-cluster]")];
    const light = (cluster) => {
      map.classList.toggle("dimmed", cluster !== undefined);
      for (const each of members) each.classList.toggle("lit", each.dataset.cluster === cluster);
    };
    const over = (event) => light(event.target.closest("[data-cluster]")?.dataset.cluster);
    clustering.addEventListener("pointerover", over);
    clustering.addEventListener("focusin", over);
    clustering.addEventListener("pointerleave", () => light());
  }
}

startClusters();
