export const somethingElse = () => {};
