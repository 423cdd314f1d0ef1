"""The layers behind the `bioner` component, and how paths of tags are found from their scores."""
