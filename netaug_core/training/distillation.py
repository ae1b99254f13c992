"""What one network learns from another's outputs.

B batch, K classes.
"""

from torch import Tensor
from torch.nn import functional as F


def distillation_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Temperature squared times KL(teacher || student) of softened outputs, mean over the batch.

    Source: Hinton, Vinyals, Dean 2015, section 2; the square keeps the gradient's size.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return divergence * temperature**2
