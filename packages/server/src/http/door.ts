/** Whether the server still takes requests. Closing is said to whoever comes on a connection that is already open. */
export type Door = { isClosing: boolean }
