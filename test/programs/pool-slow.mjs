// A module that takes its time to load.
await new Promise((resolve) => setTimeout(resolve, 200));
export const one = () => 1;
