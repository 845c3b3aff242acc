/** libtorch's name of the device that is the machine's own processor. */
export const hostDevice = "cpu";
