/** An option that there is none of. */
export const options = { prot: 3000 };

export default {};
