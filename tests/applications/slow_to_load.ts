/** A module that is never loaded to its end. */
console.log("loading");
setInterval(() => {}, 1_000);
await new Promise(() => {});

export default {};
