from support.training.attention import attention_by_mask

__all__ = ["attention_by_mask"]
